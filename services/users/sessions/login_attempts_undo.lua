-- Takes back an attempt that was counted but not tried.
-- KEYS: counter
-- Answer: 1
local counter = KEYS[1]

if redis.call('EXISTS', counter) == 1 then redis.call('DECR', counter) end
return 1

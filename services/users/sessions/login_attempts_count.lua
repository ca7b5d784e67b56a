-- Counts a login attempt; the window begins with the first one.
-- KEYS: counter
-- ARGV: length of the window in s
-- Answer: {attempts in this window, seconds until it ends}
local counter, window_s = KEYS[1], ARGV[1]

local count = redis.call('INCR', counter)
if count == 1 then redis.call('EXPIRE', counter, window_s) end
return {count, redis.call('TTL', counter)}

-- Counts a login attempt; the window begins with the first one. No window ends later than its length from now, even if a clock
-- that was ahead when it began has been set back.
-- KEYS: counter
-- ARGV: length of the window in s
-- Answer: {attempts in this window, seconds until it ends}
local counter, window_s = KEYS[1], tonumber(ARGV[1])

local count = redis.call('INCR', counter)
if count == 1 or redis.call('TTL', counter) > window_s then redis.call('EXPIRE', counter, window_s) end
return {count, redis.call('TTL', counter)}

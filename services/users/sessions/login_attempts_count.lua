-- Counts a login attempt; the window begins with the first one. The counters are members of one sorted set that does not expire,
-- because a full Redis evicts what expires, and a counter that was evicted would begin again at zero. Those whose window is over
-- are removed by the attempts that follow: each adds one at most and removes several.
-- A score is the Unix time in s at which the window ends, times SPAN, plus the attempts in it; SPAN keeps it below 2^53. No window
-- ends later than its length from now, even if a clock that was ahead when it began has been set back.
-- KEYS: counters
-- ARGV: name of the counter, length of the window in s, most counters (beyond that, the one that ends first is removed)
-- Answer: {attempts in this window, seconds until it ends}
local counters = KEYS[1]
local name, window_s, most = redis.sha1hex(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local SPAN, SWEPT_MAX = 1048576, 10
local now = tonumber(redis.call('TIME')[1])

local function remove_first(n)
	if n > 0 then redis.call('ZREMRANGEBYRANK', counters, 0, n - 1) end
end

local score = tonumber(redis.call('ZSCORE', counters, name) or 0)
local ends, count = math.floor(score / SPAN), score % SPAN
if ends <= now then ends, count = now + window_s, 0 end
ends, count = math.min(ends, now + window_s), math.min(count + 1, SPAN - 1)
redis.call('ZADD', counters, string.format('%.0f', ends * SPAN + count), name)
remove_first(math.min(redis.call('ZCOUNT', counters, '-inf', string.format('(%.0f', (now + 1) * SPAN)), SWEPT_MAX))
remove_first(redis.call('ZCARD', counters) - most)
return {count, ends - now}

-- Counts an event on each of some counters, or on none if it is beyond the limit of one. The window of a counter begins with its first
-- event. All counters are members of one sorted set that does not expire, because a full Redis evicts what expires, and a counter that
-- was evicted would begin again at zero. Those whose window is over are removed by the events that follow: each event adds one for
-- each of its limits, and removes several.
-- A score is the Unix time in s at which the window ends, times SPAN, plus the events in it; SPAN keeps it below 2^53. No window
-- ends later than its length from now, even if a clock that was ahead when it began has been set back.
-- KEYS: counters
-- ARGV: most counters (beyond that, the one that ends first is removed), then for each limit: name of its counter, events in a window,
--       length of the window in s
-- Answer: 0: counted. Else the seconds until the window ends whose limit is reached
local counters = KEYS[1]
local most = tonumber(ARGV[1])
local SPAN, SWEPT_MAX = 1048576, 10
local now = tonumber(redis.call('TIME')[1])

local function window_of(name, window_s)
	local score = tonumber(redis.call('ZSCORE', counters, name) or 0)
	local ends, count = math.floor(score / SPAN), score % SPAN
	if ends <= now then return now + window_s, 0 end
	return math.min(ends, now + window_s), count
end

local function remove_first(n)
	if n > 0 then redis.call('ZREMRANGEBYRANK', counters, 0, n - 1) end
end

local scores = {}
for i = 2, #ARGV, 3 do
	local name, limit = redis.sha1hex(ARGV[i]), math.min(tonumber(ARGV[i + 1]), SPAN - 1)
	local ends, count = window_of(name, tonumber(ARGV[i + 2]))
	if count >= limit then return ends - now end
	scores[#scores + 1], scores[#scores + 2] = string.format('%.0f', ends * SPAN + count + 1), name
end
redis.call('ZADD', counters, unpack(scores))
remove_first(math.min(redis.call('ZCOUNT', counters, '-inf', string.format('(%.0f', (now + 1) * SPAN)), SWEPT_MAX))
remove_first(redis.call('ZCARD', counters) - most)
return 0

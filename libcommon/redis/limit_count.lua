-- Counts an event on each of some counters, or on none if it is beyond the limit of one. The window of a counter begins with its first
-- event. The counters of a limit are members of one sorted set that does not expire, because a full Redis evicts what expires, and a
-- counter that was evicted would begin again at zero. Those whose window is over are removed by the events that follow: each adds one
-- at most and removes several.
-- A score is the Unix time in s at which the window ends, times SPAN, plus the events in it; SPAN keeps it below 2^53. No window
-- ends later than its length from now, even if a clock that was ahead when it began has been set back.
-- KEYS: for each limit, its counters
-- ARGV: most counters of a limit (beyond that, the one that ends first is removed), then for each limit: name of the counter, events in
--       a window, length of the window in s
-- Answer: 0: counted. Else the seconds until the window ends whose limit is reached
local most = tonumber(ARGV[1])
local SPAN, SWEPT_MAX = 1048576, 10
local now = tonumber(redis.call('TIME')[1])

local function window_of(counters, name, window_s)
	local score = tonumber(redis.call('ZSCORE', counters, name) or 0)
	local ends, count = math.floor(score / SPAN), score % SPAN
	if ends <= now then return now + window_s, 0 end
	if ends > now + window_s then -- kept, because it would otherwise end no sooner than before
		ends = now + window_s
		redis.call('ZADD', counters, string.format('%.0f', ends * SPAN + count), name)
	end
	return ends, count
end

local function remove_first(counters, n)
	if n > 0 then redis.call('ZREMRANGEBYRANK', counters, 0, n - 1) end
end

local function store(counters, name, score)
	redis.call('ZADD', counters, string.format('%.0f', score), name)
	remove_first(counters, math.min(redis.call('ZCOUNT', counters, '-inf', string.format('(%.0f', (now + 1) * SPAN)), SWEPT_MAX))
	remove_first(counters, redis.call('ZCARD', counters) - most)
end

local names, scores = {}, {}
for i, counters in ipairs(KEYS) do
	local name, events, window_s = unpack(ARGV, 3 * i - 1, 3 * i + 1)
	names[i] = redis.sha1hex(name)
	local ends, count = window_of(counters, names[i], tonumber(window_s))
	if count >= math.min(tonumber(events), SPAN - 1) then return ends - now end
	scores[i] = ends * SPAN + count + 1
end
for i, counters in ipairs(KEYS) do store(counters, names[i], scores[i]) end
return 0

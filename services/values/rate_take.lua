-- Takes tokens out of buckets that fill up by themselves. They are members of one sorted set that does not expire, because a full
-- Redis evicts what expires, and a bucket that was evicted would be full again. A score is the Unix time in microseconds at which
-- the bucket is full; one that is full is removed by the submissions that follow: each call adds its buckets at most, and removes up
-- to twice as many. Redis's clock counts, so that all processes agree.
-- KEYS: buckets
-- ARGV: microseconds in which a token comes back, tokens that a bucket holds, most buckets (beyond that, the one that is full first
--       is removed), then for each bucket: its name, how many tokens are wanted
-- Answer: for each bucket: how many were taken, microseconds until it is full
local buckets = KEYS[1]
local token_us, most, buckets_most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function take(name, wanted)
	local kept = tonumber(redis.call('ZSCORE', buckets, name) or now)
	local full_at = math.min(math.max(kept, now), now + most * token_us)
	local taken = math.min(wanted, math.floor((now + most * token_us - full_at) / token_us))
	full_at = full_at + taken * token_us
	if taken > 0 or full_at < kept then -- full_at < kept: the clock was set back, and the bucket would stay empty until `kept`
		redis.call('ZADD', buckets, string.format('%.0f', full_at), name)
	end
	return taken, full_at - now
end

local function remove_first(n)
	if n > 0 then redis.call('ZREMRANGEBYRANK', buckets, 0, n - 1) end
end

local answer = {}
for i = 4, #ARGV, 2 do
	local taken, full_in = take(ARGV[i], tonumber(ARGV[i + 1]))
	answer[#answer + 1], answer[#answer + 2] = taken, full_in
end
remove_first(math.min(redis.call('ZCOUNT', buckets, '-inf', string.format('%.0f', now)), #answer))
remove_first(redis.call('ZCARD', buckets) - buckets_most)
return answer

-- Takes tokens out of buckets that fill up by themselves. A bucket is one number: the Unix time in microseconds at which it is full.
-- Redis's clock counts, so that all processes agree. A bucket that is full has no key.
-- KEYS: the buckets
-- ARGV: microseconds in which a token comes back, tokens that a bucket holds, then for each bucket: how many are wanted
-- Answer: for each bucket: how many were taken, microseconds until it is full
local token_us, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answer = {}

for i, bucket in ipairs(KEYS) do
	local full_at = tonumber(redis.call('GET', bucket)) or now
	full_at = math.min(math.max(full_at, now), now + most * token_us) -- the clock may have been set back
	local taken = math.min(tonumber(ARGV[2 + i]), math.floor((now + most * token_us - full_at) / token_us))
	if taken > 0 then
		full_at = full_at + taken * token_us
		redis.call('SET', bucket, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
	end
	answer[2 * i - 1], answer[2 * i] = taken, full_at - now
end
return answer

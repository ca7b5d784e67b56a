-- Adds revocations to the stream and trims entries older than the lifetime of a token.
-- KEYS: stream
-- ARGV: lifetime in s, then for each: jti or '', user, until, inactive, expires (of revocations.h; '' where it does not apply)
-- Answer: 1
local stream, lifetime_s = KEYS[1], tonumber(ARGV[1])
local now_s = tonumber(redis.call('TIME')[1])
local oldest = string.format('%d-0', math.max(0, now_s - lifetime_s) * 1000)

for i = 2, #ARGV, 5 do
	local jti, user, until_ms, inactive, expires_s = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
	if jti ~= '' then
		redis.call('XADD', stream, 'MINID', '~', oldest, '*',
			'token', jti, 'inactive', inactive, 'expires', expires_s)
	else
		redis.call('XADD', stream, 'MINID', '~', oldest, '*',
			'user', user, 'until', until_ms, 'inactive', inactive, 'expires', expires_s)
	end
end
return 1

-- Adds revocations to the stream and trims entries older than the lifetime of a token. The longest lifetime that the stream is
-- known to be complete for counts, because a users process with a shorter one must not trim what others rely on.
-- KEYS: stream, followers, flag "complete"
-- ARGV: lifetime in s, then for each: jti or '', user, until, inactive, expires (of revocations.h; '' where it does not apply)
-- Answer: {the id of the last entry; the fields and values of the followers' table, one after the other}
-- include revocations_table.lua
local stream, followers, complete = KEYS[1], KEYS[2], KEYS[3]
local kept_s = proven(complete, table_id(followers, stream))
local lifetime_s = math.max(tonumber(ARGV[1]), kept_s or 0)
local oldest = string.format('%.0f-0', math.max(0, tonumber(redis.call('TIME')[1]) - lifetime_s) * 1000)
local last = ''

for i = 2, #ARGV, 5 do
	local jti, user, until_ms, inactive, expires_s = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
	if jti ~= '' then
		last = redis.call('XADD', stream, 'MINID', '~', oldest, '*',
			'token', jti, 'inactive', inactive, 'expires', expires_s)
	else
		last = redis.call('XADD', stream, 'MINID', '~', oldest, '*',
			'user', user, 'until', until_ms, 'inactive', inactive, 'expires', expires_s)
	end
end
return {last, redis.call('HGETALL', followers)}

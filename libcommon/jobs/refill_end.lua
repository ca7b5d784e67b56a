-- Gives the right to refill back (refill_begin.lua). One whose lease is over ends its round all the same, unless another has begun.
-- KEYS: right to refill
-- ARGV: name of the caller, for how many ms no refill is needed unless it is urgent (0: one is needed)
-- Answer: 1
local right = KEYS[1]
local name, rest_ms = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

if (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$') ~= name then return 1 end
if rest_ms > 0 then
	redis.call('SET', right, string.format('%.0f %.0f done', now, now + rest_ms))
else
	redis.call('DEL', right)
end
return 1

-- Gives the right to refill back (refill_begin.lua). One whose lease is over ends its round all the same, unless another has begun.
-- Jobs may enter by themselves again a lane of which none waits, unless some were left to wait since the refill began: it may have
-- missed those.
-- KEYS: right to refill, load, gone
-- ARGV: owner (refill_begin.lua), for how many ms no refill is needed unless it is urgent (0: one is needed), the lanes of which none waits
--       (1: small, 2: large, 3: both, 0: neither)
-- Answer: 1
local right, load, gone = unpack(KEYS)
local owner, rest_ms, lanes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function open(lane)
	local waits, seen = lane .. '_waits', lane .. '_seen'
	if redis.call('HGET', load, waits) == redis.call('HGET', load, seen) then redis.call('HDEL', load, waits, seen) end
end

if (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$') ~= owner then return 1 end
redis.call('DEL', gone)
if rest_ms > 0 then
	redis.call('SET', right, string.format('%.0f %.0f done', now, now + rest_ms))
else
	redis.call('DEL', right)
end
if lanes == 1 or lanes == 3 then open('small') end
if lanes >= 2 then open('large') end
return 1

-- Gives the right to refill back (refill_begin.lua). One whose lease is over ends its round all the same, unless another has begun.
-- Jobs may enter by themselves again a lane of which it found none that waits. It may have missed some that were left to wait while
-- it ran. They do not keep the lane closed, because at a busy time there always are some: they come with the next refill, which
-- an open lane is worth however full it is (refill_begin.lua). A lane of which it left some waiting is closed.
-- KEYS: right to refill, load, gone
-- ARGV: owner (refill_begin.lua), for how many ms no refill is needed unless it is urgent (0: one is needed), then for the small and the
--       large lane what it found (enum jobs_waiting)
-- Answer: 1
local right, load, gone = unpack(KEYS)
local owner, rest_ms = ARGV[1], tonumber(ARGV[2])
local NONE_WAITS, SOME_WAIT = '1', '2'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function open_or_close(waits, found)
	if found == NONE_WAITS then redis.call('HDEL', load, waits) end
	if found == SOME_WAIT then redis.call('HSET', load, waits, '1') end
end

if (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$') ~= owner then return 1 end
redis.call('DEL', gone)
if rest_ms > 0 then
	redis.call('SET', right, string.format('%.0f %.0f done', now, now + rest_ms))
else
	redis.call('DEL', right)
end
open_or_close('small_waits', ARGV[3])
open_or_close('large_waits', ARGV[4])
return 1

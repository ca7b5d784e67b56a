-- Ends what revocations_republish_begin began: the first process to end sets the flag for all. Trims entries from before the
-- epoch, because each of them was published again.
-- KEYS: flag "complete", epoch of a republication under way, stream
-- ARGV: the epoch
-- Answer: 1, or 0 when Redis was emptied since the epoch
local complete, republishing, stream = KEYS[1], KEYS[2], KEYS[3]
local epoch = ARGV[1]

if redis.call('EXISTS', complete) == 0 then
	if redis.call('GET', republishing) ~= epoch then return 0 end
	redis.call('DEL', republishing)
	redis.call('SET', complete, '1')
	redis.call('XADD', stream, '*', 'hello', '1')
end
local s, us = string.match(epoch, '^(%d+)%.(%d+)$')
redis.call('XTRIM', stream, 'MINID', string.format('%.0f-0', s * 1000 + math.floor(us / 1000)))
return 1

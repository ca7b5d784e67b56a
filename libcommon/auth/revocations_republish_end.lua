-- Ends what revocations_republish_begin began: the first process to end sets the flag for all. Trims entries from before the
-- epoch, because each of them was published again; unless the stream is complete for a longer lifetime than this process's.
-- KEYS: flag "complete", epoch of a republication under way, followers, stream
-- ARGV: the epoch, lifetime of a token in s, lease of a follower in ms
-- Answer: 1, or 0 when Redis was emptied or restarted since the epoch, or lost the stream
-- include revocations_table.lua
local complete, republishing, followers, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, lifetime_s, lease_ms = ARGV[1], ARGV[2], ARGV[3]
local of_table, ms, seq = string.match(epoch, '^(%S+) (%d+)%-(%d+)$')
local id = table_id(followers, stream)
local kept_s = proven(complete, id) or -1

if of_table ~= id then return 0 end
if kept_s > tonumber(lifetime_s) then return 1 end
if kept_s < tonumber(lifetime_s) then
	if redis.pcall('GET', republishing) ~= epoch then return 0 end
	redis.call('DEL', republishing)
end
local proof = id .. ' ' .. lifetime_s .. ' ' .. lease_ms
if redis.pcall('GET', complete) ~= proof then
	redis.call('SET', complete, proof)
	redis.call('XADD', stream, '*', 'hello', '1')
end
redis.call('XTRIM', stream, 'MINID', string.format('%s-%.0f', ms, seq + 1))
return 1

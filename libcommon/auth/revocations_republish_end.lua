-- Ends what revocations_republish_begin began: the first process to end sets the flag for all. Trims entries from before the
-- epoch, because each of them was published again; unless the stream is complete for a longer lifetime than this process's.
-- KEYS: flag "complete", epoch of a republication under way, stream
-- ARGV: the epoch, lifetime of a token in s, lease of a follower in ms
-- Answer: 1, or 0 when Redis was emptied or restarted since the epoch
local complete, republishing, stream = KEYS[1], KEYS[2], KEYS[3]
local epoch, lifetime_s, lease_ms = ARGV[1], ARGV[2], ARGV[3]
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local epoch_life, s, us = string.match(epoch, '^(%x+)%.(%d+)%.(%d+)$')
local proof = redis.pcall('GET', complete)
local of_life, kept_s = string.match(type(proof) == 'string' and proof or '', '^(%x+) (%d+) %d+$')
local is_complete = of_life == life and tonumber(kept_s) >= tonumber(lifetime_s)

if epoch_life ~= life then return 0 end
if is_complete and tonumber(kept_s) > tonumber(lifetime_s) then return 1 end
if not is_complete then
	if redis.pcall('GET', republishing) ~= epoch then return 0 end
	redis.call('DEL', republishing)
end
local now_proof = life .. ' ' .. lifetime_s .. ' ' .. lease_ms
if proof ~= now_proof then
	redis.call('SET', complete, now_proof)
	redis.call('XADD', stream, '*', 'hello', '1')
end
redis.call('XTRIM', stream, 'MINID', string.format('%.0f-0', s * 1000 + math.floor(us / 1000)))
return 1

-- Begins to publish all revocations again. A process that finds an epoch of this life of Redis shares it: nothing was lost since
-- it was set.
-- KEYS: flag "complete", epoch of a republication under way
-- ARGV: lifetime of a token in s
-- Answer: {1 when the stream is already complete for that lifetime, else 0; the epoch}
local complete, republishing, lifetime_s = KEYS[1], KEYS[2], tonumber(ARGV[1])
local now = redis.call('TIME')
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local epoch = life .. '.' .. now[1] .. '.' .. now[2]
local proof = redis.pcall('GET', complete)
local of_life, kept_s = string.match(type(proof) == 'string' and proof or '', '^(%x+) (%d+) %d+$')

if of_life == life and tonumber(kept_s) >= lifetime_s then return {1, epoch} end
local shared = redis.pcall('GET', republishing)
if type(shared) == 'string' and string.match(shared, '^(%x+)%.%d+%.%d+$') == life then return {0, shared} end
redis.call('SET', republishing, epoch)
return {0, epoch}

-- Begins to publish all revocations again. A process that finds an epoch shares it: Redis was not emptied since it was set.
-- KEYS: flag "complete", epoch of a republication under way
-- Answer: {1 when the stream is already complete, else 0; the epoch}
local complete, republishing = KEYS[1], KEYS[2]
local now = redis.call('TIME')
local epoch = now[1] .. '.' .. now[2]

if redis.call('EXISTS', complete) == 1 then return {1, epoch} end
redis.call('SET', republishing, epoch, 'NX')
return {0, redis.call('GET', republishing)}

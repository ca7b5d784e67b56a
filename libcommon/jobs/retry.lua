-- Queues the job of a dead letter again.
-- KEYS: stream, hash of queued jobs, hash of dead letters
-- ARGV: kind, index
-- Answer: 1, or 0 when there is no such dead letter
local stream, queued, dead = KEYS[1], KEYS[2], KEYS[3]
local kind, index = ARGV[1], ARGV[2]
local name = kind .. ':' .. index

if redis.call('HDEL', dead, name) == 0 then return 0 end
local id = redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', 'retry')
redis.call('HSET', queued, name, id)
return 1

-- Queues the job of a dead letter again.
-- KEYS: stream, window, dead letters
-- ARGV: kind, index, 1 if Postgres says that it failed: then a missing letter is no obstacle
-- Answer: 1, or 0 when there is no such dead letter
local stream, window, dead = KEYS[1], KEYS[2], KEYS[3]
local kind, index, is_failed = ARGV[1], ARGV[2], ARGV[3] == '1'
local name = kind .. ':' .. index

if redis.call('HDEL', dead, name) == 0 and not is_failed then return 0 end
if redis.call('HEXISTS', window, name) == 0 then
	redis.call('HSET', window, name, redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', 'retry'))
end
return 1

-- Queues the job of a dead letter again, whether or not its lane has room.
-- KEYS: jobs of its lane, window, dead letters, load
-- ARGV: kind, index, 1 if Postgres says that it failed: then a missing letter is no obstacle, estimate in us (0: it is small)
-- Answer: 1, or 0 when there is no such dead letter
local stream, window, dead, load = unpack(KEYS)
local kind, index, is_failed, us = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local name = kind .. ':' .. index

if redis.call('HDEL', dead, name) == 0 and not is_failed then return 0 end
if redis.call('HEXISTS', window, name) == 1 then return 1 end
local fields = {'kind', kind, 'index', index, 'request_id', 'retry'}
if us > 0 then
	fields[7], fields[8] = 'us', us
	redis.call('HSET', load, 'us', string.format('%.0f', tonumber(redis.call('HGET', load, 'us') or 0) + us))
end
redis.call('HSET', window, name, redis.call('XADD', stream, '*', unpack(fields)))
return 1

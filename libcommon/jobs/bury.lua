-- Makes a dead letter of a job, takes it off the stream, and has Postgres learn of it.
-- KEYS: stream, window, dead letters, finished
-- ARGV: group, id, kind, index, the dead letter ("deliveries failed_unix_ms request_id")
-- Answer: 1
local stream, window, dead, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, id, kind, index, letter = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local name = kind .. ':' .. index

redis.call('HSET', dead, name, letter)
redis.call('HDEL', window, name)
redis.call('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', '')
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
return 1

-- Makes a dead letter of a job and takes it off the stream.
-- KEYS: stream, hash of queued jobs, hash of dead letters
-- ARGV: group, id, "kind:index", the dead letter ("deliveries failed_unix_ms request_id")
-- Answer: 1
local stream, queued, dead = KEYS[1], KEYS[2], KEYS[3]
local group, id, name, letter = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

redis.call('HSET', dead, name, letter)
redis.call('HDEL', queued, name)
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
return 1

-- Makes a dead letter of a job, takes it off its lane, and has Postgres learn of it.
-- KEYS: jobs of its lane, window, dead letters, finished, load
-- ARGV: group, id, kind, index, the dead letter without the id of its entry ("deliveries failed_unix_ms request_id")
-- Answer: 1
-- include load.lua
local stream, window, dead, finished, load = unpack(KEYS)
local group, id, kind, index, letter = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local name = kind .. ':' .. index

local failure = redis.call('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', '')
redis.call('HSET', dead, name, letter .. ' ' .. failure)
redis.call('HDEL', window, name)
redis.call('XACK', stream, group, id)
local entry = redis.call('XRANGE', stream, id, id)[1]
redis.call('XDEL', stream, id)
if entry then take_off_load(load, us_of(entry[2])) end
return 1

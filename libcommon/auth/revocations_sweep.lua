#!lua flags=allow-oom
-- Answers with the followers; removes those whose leases have run out, and settles the table.
-- KEYS: followers
-- ARGV: the table to settle, or ''; then for each follower to remove: its field, and the value that must be there still
-- Answer: the fields and values of the table, one after the other
local followers = KEYS[1]
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local id = redis.pcall('HGET', followers, '#table')

if type(id) ~= 'string' or string.sub(id, 1, #life + 1) ~= life .. '.' then
	local now = redis.call('TIME')
	id = life .. '.' .. now[1] .. '.' .. now[2]
	redis.call('DEL', followers)
	redis.call('HSET', followers, '#table', id)
end
if ARGV[1] == id then redis.call('HSET', followers, '#settled', '1') end
for i = 2, #ARGV, 2 do
	if redis.call('HGET', followers, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', followers, ARGV[i]) end
end
return redis.call('HGETALL', followers)

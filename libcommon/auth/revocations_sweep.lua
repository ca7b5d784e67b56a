#!lua flags=allow-oom
-- Answers with the followers; removes those whose leases have run out, and settles the table.
-- KEYS: followers, stream
-- ARGV: the table to settle, or ''; then for each follower to remove: its field, and the value that must be there still
-- Answer: the fields and values of the table, one after the other
-- include revocations_table.lua
local followers, stream = KEYS[1], KEYS[2]

if ARGV[1] == table_id(followers, stream) then redis.call('HSET', followers, '#settled', '1') end
for i = 2, #ARGV, 2 do
	if redis.call('HGET', followers, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', followers, ARGV[i]) end
end
return redis.call('HGETALL', followers)

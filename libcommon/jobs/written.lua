-- Takes out what Postgres has by now.
-- KEYS: window, finished
-- ARGV: group, then for each: id of its entry among the finished, "kind:index"
-- Answer: 1
local window, finished = KEYS[1], KEYS[2]
local group = ARGV[1]

for i = 2, #ARGV, 2 do
	local id, name = ARGV[i], ARGV[i + 1]
	if redis.call('HGET', window, name) == '=' .. id then redis.call('HDEL', window, name) end
	redis.call('XACK', finished, group, id)
	redis.call('XDEL', finished, id)
end
return 1

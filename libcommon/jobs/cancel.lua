-- Takes off jobs that no submission waits for any more. What a worker calculates already is dropped when it finishes, because
-- nothing is left of its job.
-- KEYS: stream, window, dead letters
-- ARGV: group, then for each: kind, index
-- Answer: how many were taken off
local stream, window, dead = KEYS[1], KEYS[2], KEYS[3]
local group = ARGV[1]

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function take_off(id, kind, index)
	local entry = redis.call('XRANGE', stream, id, id)[1]
	if not entry or entry[2][2] ~= kind or entry[2][4] ~= index then return end
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
end

local count = 0
for i = 2, #ARGV, 2 do
	local kind, index = ARGV[i], ARGV[i + 1]
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	redis.call('HDEL', dead, name)
	if id and id:sub(1, 1) ~= '=' then
		redis.call('HDEL', window, name)
		take_off(id, kind, index)
		count = count + 1
	end
end
return count

-- Takes out what Postgres has by now. An id may stand for another calculation after the stream was deleted, so the entry is
-- compared: the other one is not written yet.
-- KEYS: window, finished, right to refill, gone
-- ARGV: group, then for each: id of its entry among the finished, "kind:index", or '' for an entry of another program
-- Answer: 1
local window, finished, right, gone = unpack(KEYS)
local group = ARGV[1]
-- include leave.lua

local function is_another(id, name)
	local entry = name ~= '' and redis.call('XRANGE', finished, id, id)[1]
	return entry and tostring(entry[2][2]) .. ':' .. tostring(entry[2][4]) ~= name
end

for i = 2, #ARGV, 2 do
	local id, name = ARGV[i], ARGV[i + 1]
	if redis.call('HGET', window, name) == '=' .. id then leave(name) end
	if not is_another(id, name) then
		redis.call('XACK', finished, group, id)
		redis.call('XDEL', finished, id)
		if name ~= '' then note_gone(name) end -- a failure is not in the window
	end
end
return 1

-- Takes off jobs that no submission waits for any more. What a worker calculates already is dropped when it finishes, because
-- nothing is left of its job.
-- KEYS: small jobs, large jobs, window, dead letters, load, right to refill, gone
-- ARGV: group, then for each: kind, index
-- Answer: how many were taken off
-- include load.lua
local small, large, window, dead, load, right, gone = unpack(KEYS)
local group = ARGV[1]
local freed_us = 0
-- include leave.lua

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function take_off(stream, id, kind, index)
	local entry = redis.call('XRANGE', stream, id, id)[1]
	if not entry or entry[2][2] ~= kind or entry[2][4] ~= index then return end
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
	freed_us = freed_us + us_of(entry[2])
end

local count = 0
for i = 2, #ARGV, 2 do
	local kind, index = ARGV[i], ARGV[i + 1]
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	redis.call('HDEL', dead, name)
	if id and id:sub(1, 1) ~= '=' then
		leave(name)
		take_off(small, id, kind, index)
		take_off(large, id, kind, index)
		count = count + 1
	end
end
take_off_load(load, freed_us)
return count

-- Looks up calculations that Postgres does not know to be done.
-- KEYS: window, dead letters, finished
-- ARGV: for each: kind, index
-- Answer: for each, in order: the summary of its result, or its state (enum job_state)
local window, dead, finished = KEYS[1], KEYS[2], KEYS[3]
local ABSENT, PENDING, FAILED = 0, 1, 3

-- An id may stand for another calculation after the stream was deleted, so the entry is compared.
local function look_up(kind, index)
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if id and id:sub(1, 1) ~= '=' then return PENDING end
	local entry = id and redis.call('XRANGE', finished, id:sub(2), id:sub(2))[1]
	if entry and entry[2][2] == kind and entry[2][4] == index then return entry[2][6] end
	return redis.call('HEXISTS', dead, name) == 1 and FAILED or ABSENT
end

local found = {}
for i = 1, #ARGV, 2 do
	found[#found + 1] = look_up(ARGV[i], ARGV[i + 1])
end
return found

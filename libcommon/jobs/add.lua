-- Adds each job that is not in the window yet, as long as the window has room.
-- KEYS: stream, window, dead letters, finished
-- ARGV: most names that the window may have, then for each job: kind, index, request id
-- Answer: the state of each job, in order (enum job_state); absent: the window is full, so it waits in Postgres
local stream, window, dead, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local most = tonumber(ARGV[1])
local ABSENT, PENDING, DONE, FAILED = 0, 1, 2, 3
local size = redis.call('HLEN', window)

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function has(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	return entry and entry[2][2] == kind and entry[2][4] == index
end

local function add(kind, index, request_id)
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if id and id:sub(1, 1) ~= '=' then return PENDING end
	if id and has(finished, id:sub(2), kind, index) then return DONE end
	if redis.call('HEXISTS', dead, name) == 1 then return FAILED end
	if not id and size >= most then return ABSENT end
	redis.call('HSET', window, name, redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', request_id))
	if not id then size = size + 1 end
	return PENDING
end

local states = {}
for i = 2, #ARGV, 3 do
	states[#states + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return states

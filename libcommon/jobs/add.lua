-- Adds each job that has no result and no dead letter and is not queued yet.
-- KEYS: stream, hash of queued jobs, hash of dead letters
-- ARGV: prefix of the keys of results, then for each job: kind, index, request id
-- Answer: the state of each job, in order (enum job_state)
local stream, queued, dead = KEYS[1], KEYS[2], KEYS[3]
local results = ARGV[1]
local PENDING, DONE, FAILED = 1, 2, 3

local function add(kind, index, request_id)
	local name = kind .. ':' .. index
	if redis.call('HEXISTS', results .. kind, index) == 1 then return DONE end
	if redis.call('HEXISTS', dead, name) == 1 then return FAILED end
	if redis.call('HEXISTS', queued, name) == 0 then
		local id = redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', request_id)
		redis.call('HSET', queued, name, id)
	end
	return PENDING
end

local states = {}
for i = 2, #ARGV, 3 do
	states[#states + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return states

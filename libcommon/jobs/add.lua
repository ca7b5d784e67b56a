-- Adds each job that is not in the window yet, as long as its lane has room and no earlier one waits in Postgres for that.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load
-- ARGV: most names of the small lane, most us of work of the large lane for each thread, then for each job: kind, index, request id,
--       estimate in us (0: it is small), traceparent ('': none)
-- Answer: the state of each job, in order (enum job_state); absent: it waits in Postgres
local ABSENT, PENDING, DONE, FAILED = 0, 1, 2, 3
-- include load.lua
-- include lanes.lua

-- Once a job was left to wait, refill alone adds to its lane until it finds none that waits, because a user that submits all the
-- time would otherwise take each place that becomes free before the jobs that wait.
local function may_enter(us)
	local waits = us == 0 and 'small_waits' or 'large_waits'
	if redis.call('HEXISTS', load, waits) == 0 and has_room(us) then return true end
	redis.call('HSET', load, waits, '1')
	return false
end

local function add(kind, index, request_id, us, traceparent)
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if id and id:sub(1, 1) ~= '=' then return PENDING end
	if id and has(finished, id:sub(2), kind, index) then return DONE end
	if redis.call('HEXISTS', dead, name) == 1 then return FAILED end
	if not id and not may_enter(us) then return ABSENT end
	append(kind, index, request_id, us, not id, traceparent)
	return PENDING
end

local states = {}
for i = 3, #ARGV, 5 do
	states[#states + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4])
end
keep_load()
return states

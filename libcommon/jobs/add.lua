-- Adds each job that is not in the window yet, as long as its lane has room and no earlier one waits in Postgres for that.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load
-- ARGV: most names of the small lane, most us of work of the large lane for each thread, then for each job: kind, index, request id,
--       estimate in us (0: it is small)
-- Answer: the state of each job, in order (enum job_state); absent: it waits in Postgres
local small, large, window, dead, finished, load = unpack(KEYS)
local ABSENT, PENDING, DONE, FAILED = 0, 1, 2, 3
local most = tonumber(ARGV[1])
local names, large_count, unwritten = redis.call('HLEN', window), redis.call('XLEN', large), redis.call('XLEN', finished)
local large_us = large_count > 0 and tonumber(redis.call('HGET', load, 'us') or 0) or 0
local large_us_most = tonumber(ARGV[2]) * math.max(1, tonumber(redis.call('HGET', load, 'threads') or 1))

-- What finished and is not written counts on either lane, so both stop when Postgres takes nothing. Small jobs that wait count on
-- theirs alone, because a crowd of them would otherwise keep all large ones out.
local function has_room(us)
	if us == 0 then return names - large_count < most end
	return large_count < most and unwritten < most and large_us < large_us_most
end

-- How many were left to wait since a refill found none that waits. As long as there are any, refill alone adds to the lane, because
-- a user that submits all the time would otherwise take each place that becomes free before the jobs that wait.
local function waits(us)
	local field = us == 0 and 'small_waits' or 'large_waits'
	return field, tonumber(redis.call('HGET', load, field) or 0)
end

local function may_enter(us)
	local field, count = waits(us)
	if count == 0 and has_room(us) then return true end
	redis.call('HSET', load, field, string.format('%.0f', count + 1))
	return false
end

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function has(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	return entry and entry[2][2] == kind and entry[2][4] == index
end

local function append(kind, index, request_id, us)
	if us == 0 then return redis.call('XADD', small, '*', 'kind', kind, 'index', index, 'request_id', request_id) end
	large_count, large_us = large_count + 1, large_us + us
	return redis.call('XADD', large, '*', 'kind', kind, 'index', index, 'request_id', request_id, 'us', us)
end

local function add(kind, index, request_id, us)
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if id and id:sub(1, 1) ~= '=' then return PENDING end
	if id and has(finished, id:sub(2), kind, index) then return DONE end
	if redis.call('HEXISTS', dead, name) == 1 then return FAILED end
	if not id and not may_enter(us) then return ABSENT end
	redis.call('HSET', window, name, append(kind, index, request_id, us))
	if not id then names = names + 1 end
	return PENDING
end

local states, us_before = {}, large_us
for i = 3, #ARGV, 4 do
	states[#states + 1] = add(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
if large_us ~= us_before then redis.call('HSET', load, 'us', string.format('%.0f', large_us)) end
return states

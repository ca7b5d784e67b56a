-- The Makefile puts this in the place of the line "-- include lanes.lua" of a script that adds jobs to the window;
-- load.lua comes before it.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load
-- ARGV: most names of the small lane, most us of work of the large lane for each thread, then what the script says
local small, large, window, dead, finished, load = unpack(KEYS)
local most = tonumber(ARGV[1])
local names, large_count, unwritten = redis.call('HLEN', window), redis.call('XLEN', large), redis.call('XLEN', finished)
local large_us = large_count > 0 and tonumber(redis.call('HGET', load, 'us') or 0) or 0
local large_us_most = tonumber(ARGV[2]) * threads_of(load)
local large_us_before = large_us

-- What finished and is not written counts on either lane, so both stop when Postgres takes nothing. Small jobs that wait count on
-- theirs alone, because a crowd of them would otherwise keep all large ones out.
local function has_room(us)
	if us == 0 then return names - large_count < most end
	return large_count < most and unwritten < most and large_us < large_us_most
end

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function has(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	return entry and entry[2][2] == kind and entry[2][4] == index
end

-- is_new: the job had no name in the window. traceparent: '' if there is none. It comes last, because us has a fixed place (load.lua).
local function append(kind, index, request_id, us, is_new, traceparent)
	local lane, job = small, {'kind', kind, 'index', index, 'request_id', request_id}
	if us > 0 then
		lane, large_count, large_us = large, large_count + 1, large_us + us
		job[7], job[8] = 'us', us
	end
	if traceparent ~= '' then job[#job + 1], job[#job + 2] = 'traceparent', traceparent end
	if is_new then names = names + 1 end
	redis.call('HSET', window, kind .. ':' .. index, redis.call('XADD', lane, '*', unpack(job)))
end

local function keep_load()
	if large_us ~= large_us_before then redis.call('HSET', load, 'us', string.format('%.0f', large_us)) end
end

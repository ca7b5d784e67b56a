-- Adds each job that is missing, as long as its lane has room. A job that is in the window but on no stream, and a summary that is in
-- the window but no longer among the finished, are missing too: Redis lost a part.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load
-- ARGV: most names of the small lane, most us of work of the large lane for each thread, then for each job: kind, index, estimate in us
--       (0: it is small)
-- Answer: {how many were added, 1 if a lane was too full for one of them; what comes after that one is not looked at}
local small, large, window, dead, finished, load = unpack(KEYS)
local most = tonumber(ARGV[1])
local names, large_count, unwritten = redis.call('HLEN', window), redis.call('XLEN', large), redis.call('XLEN', finished)
local large_us = large_count > 0 and tonumber(redis.call('HGET', load, 'us') or 0) or 0
local large_us_most = tonumber(ARGV[2]) * math.max(1, tonumber(redis.call('HGET', load, 'threads') or 1))

-- As in add.lua.
local function has_room(us)
	if us == 0 then return names - large_count < most end
	return large_count < most and unwritten < most and large_us < large_us_most
end

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function has(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	return entry and entry[2][2] == kind and entry[2][4] == index
end

-- On either stream: another version may take for small what this one takes for large.
local function is_here(id, kind, index)
	if id:sub(1, 1) == '=' then return has(finished, id:sub(2), kind, index) end
	return has(small, id, kind, index) or has(large, id, kind, index)
end

local function append(kind, index, us)
	if us == 0 then return redis.call('XADD', small, '*', 'kind', kind, 'index', index, 'request_id', 'refill') end
	large_count, large_us = large_count + 1, large_us + us
	return redis.call('XADD', large, '*', 'kind', kind, 'index', index, 'request_id', 'refill', 'us', us)
end

local added, is_full, us_before = 0, 0, large_us
for i = 3, #ARGV, 3 do
	local kind, index, us = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if not (id and is_here(id, kind, index)) and redis.call('HEXISTS', dead, name) == 0 then
		if not id and not has_room(us) then
			is_full = 1
			break
		end
		redis.call('HSET', window, name, append(kind, index, us))
		added = added + 1
		if not id then names = names + 1 end
	end
end
if large_us ~= us_before then redis.call('HSET', load, 'us', string.format('%.0f', large_us)) end
return {added, is_full}

-- Adds each job that is missing, as long as the window has room. A job that is in the window but not on the stream, and a summary
-- that is in the window but no longer among the finished, are missing too: Redis lost a part.
-- KEYS: stream, window, dead letters, finished
-- ARGV: most names that the window may have, then for each job: kind, index
-- Answer: {how many were added, 1 if the window was too full for one of them}
local stream, window, dead, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local most = tonumber(ARGV[1])
local size = redis.call('HLEN', window)

-- An id may stand for another job after the stream was deleted, so the entry is compared.
local function has(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	return entry and entry[2][2] == kind and entry[2][4] == index
end

local function is_here(id, kind, index)
	if id:sub(1, 1) == '=' then return has(finished, id:sub(2), kind, index) end
	return has(stream, id, kind, index)
end

local added = 0
for i = 2, #ARGV, 2 do
	local kind, index = ARGV[i], ARGV[i + 1]
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	if not (id and is_here(id, kind, index)) and redis.call('HEXISTS', dead, name) == 0 then
		if not id and size >= most then return {added, 1} end
		redis.call('HSET', window, name, redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', 'refill'))
		added = added + 1
		if not id then size = size + 1 end
	end
end
return {added, 0}

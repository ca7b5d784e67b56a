-- KEYS: small jobs, large jobs, dead letters, backlog
-- Answer: {jobs on both lanes, dead letters, id of the oldest job or '', what waits in Postgres or -1: not known}
local small, large, dead, backlog = unpack(KEYS)

local function oldest(stream)
	local entry = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
	return entry and entry[1] or ''
end

local function since(id)
	return tonumber(id:match('^%d+')) or math.huge
end

local of_small, of_large = oldest(small), oldest(large)
return {redis.call('XLEN', small) + redis.call('XLEN', large), redis.call('HLEN', dead),
	since(of_large) < since(of_small) and of_large or of_small, tonumber(redis.call('GET', backlog) or -1) or -1}

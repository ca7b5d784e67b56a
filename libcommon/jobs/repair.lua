-- Adds each job that has no result and no dead letter and is not on the stream. A job that is noted as queued but is not on the
-- stream (only the stream was deleted) is added again.
-- KEYS: stream, hash of queued jobs, hash of dead letters
-- ARGV: prefix of the keys of results, then for each job: kind, index
-- Answer: how many were added
local stream, queued, dead = KEYS[1], KEYS[2], KEYS[3]
local results = ARGV[1]

local function is_missing(kind, index, name)
	if redis.call('HEXISTS', results .. kind, index) == 1 or redis.call('HEXISTS', dead, name) == 1 then return false end
	local id = redis.call('HGET', queued, name)
	return not id or #redis.call('XRANGE', stream, id, id) == 0
end

local added = 0
for i = 2, #ARGV, 2 do
	local kind, index = ARGV[i], ARGV[i + 1]
	local name = kind .. ':' .. index
	if is_missing(kind, index, name) then
		local id = redis.call('XADD', stream, '*', 'kind', kind, 'index', index, 'request_id', 'repair')
		redis.call('HSET', queued, name, id)
		added = added + 1
	end
end
return added

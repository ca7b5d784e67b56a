-- Looks up results without their whole decimals.
-- KEYS: hash of queued jobs, hash of dead letters
-- ARGV: prefix of the keys of results, then for each job: kind, index
-- Answer: for each job, in order: the summary of its result, or its state (enum job_state)
local queued, dead = KEYS[1], KEYS[2]
local results = ARGV[1]
local FAILED = 3

local function look_up(kind, index)
	local name = kind .. ':' .. index
	local summary = redis.call('HGET', results .. kind, index)
	if summary then return summary end
	if redis.call('HEXISTS', dead, name) == 1 then return FAILED end
	return redis.call('HEXISTS', queued, name) -- absent or pending
end

local found = {}
for i = 2, #ARGV, 2 do
	found[#found + 1] = look_up(ARGV[i], ARGV[i + 1])
end
return found

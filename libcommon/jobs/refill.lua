-- Adds each job that is missing, as long as its lane has room. A job that is in the window but on no stream, and a summary that is in
-- the window but no longer among the finished, are missing too: Redis lost a part.
-- What left the window, or was written as failed, after the refill began (leave.lua) is not missing: when Postgres was asked, it was
-- not yet written there.
-- What is pending in Postgres although it has a dead letter that was written there before is missing too: it was retried, and the retry
-- did not reach Redis.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load, right to refill, gone
-- ARGV: most names of the small lane, most us of work of the large lane for each thread, owner (refill_begin.lua), then for each job:
--       kind, index, estimate in us (0: it is small)
-- Answer: {how many were added, 1 if a lane was too full for one of them; what comes after that one is not looked at}; {-1, 0} if the
--         right is not the caller's any more
-- include load.lua
-- include lanes.lua
local right, gone = KEYS[7], KEYS[8]

-- On either stream: another version may take for small what this one takes for large.
local function is_here(id, kind, index)
	if id:sub(1, 1) == '=' then return has(finished, id:sub(2), kind, index) end
	return has(small, id, kind, index) or has(large, id, kind, index)
end

-- A dead letter ends with the id of its entry in the stream {jobs}:finished. One that the version before wrote has no id; it counts as
-- not stored in Postgres while anything waits in that stream.
local function is_unwritten(letter, kind, index)
	local failure = letter:match('^%d+ %d+ .* (%d+%-%d+)$')
	if failure then return has(finished, failure, kind, index) end
	return unwritten > 0
end

local function has_failed(name, kind, index)
	local letter = redis.call('HGET', dead, name)
	return letter and is_unwritten(letter, kind, index)
end

if (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$') ~= ARGV[3] then return {-1, 0} end
local added, is_full = 0, 0
for i = 4, #ARGV, 3 do
	local kind, index, us = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
	local name = kind .. ':' .. index
	local id = redis.call('HGET', window, name)
	local is_gone = redis.call('SISMEMBER', gone, name) == 1
	if not (id and is_here(id, kind, index)) and not is_gone and not has_failed(name, kind, index) then
		if not id and not has_room(us) then
			is_full = 1
			break
		end
		append(kind, index, 'refill', us, not id, '')
		redis.call('HDEL', dead, name)
		added = added + 1
	end
end
keep_load()
return {added, is_full}

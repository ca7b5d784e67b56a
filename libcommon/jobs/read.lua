-- Reads one whole decimal. A long result whose decimal is missing is deleted, because its preview is not a number; repair then
-- has it calculated again.
-- KEYS: hash of results of this kind, the whole decimal, hash of queued jobs, hash of dead letters
-- ARGV: index, "kind:index"
-- Answer: {state, decimal} when it is done, else {state} (enum job_state)
local summaries, decimal, queued, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local index, name = ARGV[1], ARGV[2]
local DONE, FAILED = 2, 3

local summary = redis.call('HGET', summaries, index)
if summary then
	local digits, preview = string.match(summary, '^(%d+) %S+ %S+ (.*)$')
	local whole = redis.call('GET', decimal) or preview
	if #whole == tonumber(digits) then return {DONE, whole} end
	redis.call('HDEL', summaries, index)
end
if redis.call('HEXISTS', dead, name) == 1 then return {FAILED} end
return {redis.call('HEXISTS', queued, name)} -- absent or pending

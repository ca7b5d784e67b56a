-- Looks up results that the version before 0016 stored. Only while its keys exist, which they never do on a cluster.
-- KEYS: for each kind: hash of results
-- ARGV: for each: number of its hash, index
-- Answer: for each, in order: the summary of its result, or 0
local found = {}
for i = 1, #ARGV, 2 do
	found[#found + 1] = redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) or 0
end
return found

-- Begins to publish all revocations again. A process that finds an epoch of this table shares it: nothing was lost since it was
-- set. An epoch is a position in the stream, because Redis's clock may be set back before the end.
-- KEYS: flag "complete", epoch of a republication under way, followers, stream
-- ARGV: lifetime of a token in s
-- Answer: {1 when the stream is already complete for that lifetime, else 0; the epoch: "<table> <id of the last entry>"}
-- include revocations_table.lua
local complete, republishing, followers, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id = table_id(followers, stream)
local kept_s = proven(complete, id)
local shared = redis.pcall('GET', republishing)
local info = redis.call('XINFO', 'STREAM', stream)
local epoch

for i = 1, #info, 2 do
	if info[i] == 'last-generated-id' then epoch = id .. ' ' .. info[i + 1] end
end
if kept_s and kept_s >= tonumber(ARGV[1]) then return {1, epoch} end
if type(shared) == 'string' and string.match(shared, '^(%S+) %d+%-%d+$') == id then return {0, shared} end
redis.call('SET', republishing, epoch)
return {0, epoch}

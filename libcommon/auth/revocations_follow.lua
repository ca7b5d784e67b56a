#!lua flags=allow-oom
-- Registers a follower that has read the stream up to a position, or renews its lease; notifies users of a new position.
-- KEYS: followers, flag "complete", stream
-- ARGV: follower, 'join' or 'renew', beat, position, lease in ms, what is left of the lease before in ms, lifetime of a token in
-- s, name for the log, channel
-- Answer: {1, the lease in ms}; or why it is not registered: {0, 0} it is no longer (renew), {-1, 0} the stream is not known to be
-- complete, {-2, 0} the stream keeps revocations for less than this lifetime
-- include revocations_table.lua
local followers, complete, stream = KEYS[1], KEYS[2], KEYS[3]
local follower, action, beat, position, lease_ms, left_ms, lifetime_s, name, channel = unpack(ARGV)
local id = table_id(followers, stream)
local before = redis.call('HGET', followers, follower)

if action == 'join' then
	local kept_s, granted_ms = proven(complete, id)
	if not kept_s then return {-1, 0} end
	if kept_s < tonumber(lifetime_s) then return {-2, 0} end
	lease_ms = math.min(tonumber(lease_ms), granted_ms)
elseif not before then
	return {0, 0}
end
redis.call('HSET', followers, follower, beat .. ' ' .. position .. ' ' .. math.max(lease_ms, left_ms) .. ' ' .. name)
if not before or string.match(before, '^%S+ (%S+)') ~= position then
	redis.call('PUBLISH', channel, id .. ' ' .. follower .. ' ' .. position)
end
return {1, tonumber(lease_ms)}

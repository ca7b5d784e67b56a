#!lua flags=allow-oom
-- Registers a follower that has read the stream up to a position, or renews its lease; notifies users of a new position.
-- KEYS: followers, flag "complete"
-- ARGV: follower, 'join' or 'renew', beat, position, lease in ms, lifetime of a token in s, name for the log, channel
-- Answer: {1, the lease in ms}; or why it is not registered: {0, 0} it is no longer (renew), {-1, 0} the stream is not known to be
-- complete, {-2, 0} the stream keeps revocations for less than this lifetime
local followers, complete = KEYS[1], KEYS[2]
local follower, action, beat, position, lease_ms, lifetime_s, name, channel = unpack(ARGV)
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local id = redis.pcall('HGET', followers, '#table')

if type(id) ~= 'string' or string.sub(id, 1, #life + 1) ~= life .. '.' then
	local now = redis.call('TIME')
	id = life .. '.' .. now[1] .. '.' .. now[2]
	redis.call('DEL', followers)
	redis.call('HSET', followers, '#table', id)
end
local before = redis.call('HGET', followers, follower)
if action == 'join' then
	local proof = redis.pcall('GET', complete)
	local of_life, kept_s, granted_ms = string.match(type(proof) == 'string' and proof or '', '^(%x+) (%d+) (%d+)$')
	if of_life ~= life then return {-1, 0} end
	if tonumber(kept_s) < tonumber(lifetime_s) then return {-2, 0} end
	if tonumber(granted_ms) < tonumber(lease_ms) then lease_ms = granted_ms end
elseif not before then
	return {0, 0}
end
redis.call('HSET', followers, follower, beat .. ' ' .. position .. ' ' .. lease_ms .. ' ' .. name)
if not before or string.match(before, '^%S+ (%S+)') ~= position then
	redis.call('PUBLISH', channel, id .. ' ' .. follower .. ' ' .. position)
end
return {1, tonumber(lease_ms)}

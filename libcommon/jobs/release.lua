-- Hands jobs back: sets an idle time at which another consumer may claim them at once, and takes one delivery off the count,
-- because no worker died of this one. Skips jobs that another consumer has claimed meanwhile.
-- KEYS: jobs of a lane
-- ARGV: group, consumer, idle time to set in ms, ids
-- Answer: 1, or 0 when the group does not exist
local stream = KEYS[1]
local group, consumer, idle_ms = ARGV[1], ARGV[2], ARGV[3]

for i = 4, #ARGV do
	local id = ARGV[i]
	local pending = redis.pcall('XPENDING', stream, group, id, id, 1, consumer)
	if pending.err then return 0 end
	if pending[1] then
		local deliveries = pending[1][4]
		redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', deliveries - 1, 'JUSTID')
	end
end
return 1

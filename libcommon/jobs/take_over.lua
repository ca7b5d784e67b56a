-- Claims jobs whose lease has expired. That counts as a delivery, except of the consumer's own jobs: it lives, and did not get
-- them, or could not renew their leases, because a connection failed. A job that has reached the maximum of deliveries becomes a
-- dead letter instead, because it seems to have killed each worker that it was delivered to. Consumers without pending jobs that
-- were idle for ten leases are deleted; one that is alive after all is created again by its next read.
-- KEYS: jobs of a lane, window, dead letters, finished, load
-- ARGV: group, consumer, lease in ms, maximum of deliveries, maximum of jobs, now in Unix ms, since when the
--       consumer has lived, in ms
-- Answer: the claimed entries of the stream
-- include load.lua
local stream, window, dead, finished, load = unpack(KEYS)
local group, consumer, lease_ms = ARGV[1], ARGV[2], ARGV[3]
local deliveries_max, jobs_max, now_ms, lived_ms = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])

-- By another worker. An id may stand for another calculation after the stream was deleted, so the entry is compared.
local function is_finished(name)
	local id = (redis.call('HGET', window, name) or ''):match('^=(.+)$')
	local entry = id and redis.call('XRANGE', finished, id, id)[1]
	return entry and tostring(entry[2][2]) .. ':' .. tostring(entry[2][4]) == name
end

-- A failure that Redis does not take (it is full) leaves its job as it is. An error here would end the script, and what it has
-- claimed by then would count as delivered, without reaching the worker.
local refusal
local function bury(id, fields, deliveries)
	local kind, index, request_id = tostring(fields[2]), tostring(fields[4]), tostring(fields[6])
	local name = kind .. ':' .. index
	if not is_finished(name) then
		local failure = redis.pcall('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', '')
		if type(failure) == 'table' then
			refusal = failure
			return
		end
		redis.call('HSET', dead, name, deliveries .. ' ' .. now_ms .. ' ' .. request_id .. ' ' .. failure)
		redis.call('HDEL', window, name)
	end
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
	take_off_load(load, us_of(fields))
end

local function delete_idle_consumers()
	for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
		local name, pending, idle_ms = info[2], info[4], info[6]
		if name ~= consumer and pending == 0 and idle_ms > 10 * tonumber(lease_ms) then
			redis.call('XGROUP', 'DELCONSUMER', stream, group, name)
		end
	end
end

if redis.call('EXISTS', stream) == 0 then return {} end
local expired = redis.pcall('XPENDING', stream, group, 'IDLE', lease_ms, '-', '+', jobs_max)
if expired.err then return {} end -- the group does not exist
local claimed = {}
for _, job in ipairs(expired) do
	local id, owner, idle_ms, deliveries = job[1], job[2], job[3], job[4]
	local is_own = owner == consumer and idle_ms <= lived_ms
	local entry = redis.call('XRANGE', stream, id, id)[1]
	if not entry then
		redis.call('XACK', stream, group, id)
	elseif deliveries >= deliveries_max and not is_own then
		bury(id, entry[2], deliveries)
	else
		local counted = is_own and deliveries or deliveries + 1
		local won = redis.call('XCLAIM', stream, group, consumer, lease_ms, id, 'RETRYCOUNT', counted)[1]
		if won then claimed[#claimed + 1] = won end
	end
end
delete_idle_consumers()
return #claimed == 0 and refusal or claimed

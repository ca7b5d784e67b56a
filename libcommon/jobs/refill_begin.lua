-- Asks for the right to refill. When there are neither jobs nor finished ones, the window has only what a loss left behind, and is
-- emptied. The right does not expire by its key's expiry, because a full Redis evicts what expires. Its value is "from until owner",
-- in Unix ms; before `from` it counts for nothing either, because the clock has then been set back. The owner is "process#round", so
-- that what is left of an earlier round does not count as the next one's.
-- KEYS: right to refill, small jobs, large jobs, window, finished, load, gone
-- ARGV: owner, lease in ms, most names of the small lane, most us of work of the large lane for each thread, the lanes to
--       refill (1: small, 2: large, 3: both), 1 if only lanes that are open or half empty are worth it, 1 if it is urgent
-- Answer: {1, the lanes to refill, jobs on the large lane}; {0, …} when no lane is worth it; {-1, …} when another refills, or has just
--         done so and it is not urgent
-- include load.lua
local right, small, large, window, finished, load, gone = unpack(KEYS)
local caller, lease_ms, most, us_most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, needs_half, is_urgent = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local large_count, unwritten = redis.call('XLEN', large), redis.call('XLEN', finished)

local function process(owner)
	return (owner:gsub('#%d+$', ''))
end

local function owner()
	local from, ends, of = (redis.call('GET', right) or ''):match('^(%d+) (%d+) (.+)$')
	return from and tonumber(from) <= now and now < tonumber(ends) and of
end

-- refill_end.lua opens a lane, and may have missed a few jobs, which all find room.
local function is_open(waits)
	return redis.call('HEXISTS', load, waits) == 0
end

local function is_small_lane_worth_it()
	return not needs_half or is_open('small_waits') or redis.call('HLEN', window) - large_count <= most / 2
end

local function is_large_lane_worth_it()
	local us = large_count > 0 and tonumber(redis.call('HGET', load, 'us') or 0) or 0
	local is_half_free = us <= us_most * threads_of(load) / 2 and math.max(large_count, unwritten) <= most / 2
	return not needs_half or is_open('large_waits') or is_half_free
end

if redis.call('XLEN', small) == 0 and large_count == 0 and unwritten == 0 then redis.call('DEL', window) end
local lanes = 0
if wanted ~= 2 and is_small_lane_worth_it() then lanes = lanes + 1 end
if wanted ~= 1 and is_large_lane_worth_it() then lanes = lanes + 2 end
if lanes == 0 then return {0, 0, large_count} end
local of = owner()
if of and process(of) ~= process(caller) and not (of == 'done' and is_urgent) then return {-1, 0, large_count} end
redis.call('SET', right, string.format('%.0f %.0f %s', now, now + lease_ms, caller))
redis.call('DEL', gone)
return {1, lanes, large_count}

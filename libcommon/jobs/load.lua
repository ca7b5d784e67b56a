-- The Makefile puts this in the place of the line "-- include load.lua" of a script.
-- What an entry of a lane counts for in the sum of estimates; a small job has no estimate, and counts for nothing.
local function us_of(fields)
	return fields[7] == 'us' and tonumber(fields[8]) or 0
end

-- Of the workers that are there, a slow one counting for less (present.lua); one while there are none.
local function threads_of(load)
	local threads = tonumber(redis.call('HGET', load, 'threads') or 0)
	return threads > 0 and threads or 1
end

local function take_off_load(load, us)
	if us == 0 then return end
	local sum = tonumber(redis.call('HGET', load, 'us') or 0)
	redis.call('HSET', load, 'us', string.format('%.0f', math.max(0, sum - us)))
end


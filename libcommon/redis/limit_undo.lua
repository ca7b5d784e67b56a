-- Takes back what limit_count.lua counted.
-- KEYS: counters
-- ARGV: name of a counter, 1 to take back one event, or 0 to remove the counter
-- Answer: 1
local counters = KEYS[1]
local name, takes_one = redis.sha1hex(ARGV[1]), ARGV[2] == '1'
local SPAN = 1048576

local score = tonumber(redis.call('ZSCORE', counters, name) or 0)
if score % SPAN > 1 and takes_one then
	redis.call('ZINCRBY', counters, -1, name)
else
	redis.call('ZREM', counters, name)
end
return 1

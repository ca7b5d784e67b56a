-- Notes that a worker is there, and adds up the threads of all that are: a worker that takes twice as long as estimated has half as
-- many. One that was killed is forgotten after a time.
-- KEYS: workers, load
-- ARGV: name of the worker, its threads (0: it leaves), their pace in percent of the estimated one, ms after which one that is silent
--       is forgotten
-- Answer: 1
local workers, load = KEYS[1], KEYS[2]
local name, threads, silent_ms = ARGV[1], tonumber(ARGV[2]) * tonumber(ARGV[3]) / 100, tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

redis.call('HDEL', workers, name)
if threads > 0 then redis.call('HSET', workers, name, string.format('%.2f %.0f', threads, now)) end
local all, sum = redis.call('HGETALL', workers), 0
for i = 1, #all, 2 do
	local of, seen = all[i + 1]:match('^(%d+%.?%d*) (%d+)$') -- whole, from the version before
	if of and math.abs(now - tonumber(seen)) <= silent_ms then -- later than now, if the clock was set back
		sum = sum + tonumber(of)
	else
		redis.call('HDEL', workers, all[i])
	end
end
redis.call('HSET', load, 'threads', string.format('%.2f', sum))
return 1

-- Reads the oldest reports, and the clock by which a deadline is dated that is published after it.
-- KEYS: stream of reports
-- ARGV: largest number
-- Answer: Redis's clock in Unix ms, their entries
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])}

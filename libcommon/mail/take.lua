#!lua flags=allow-oom
-- By the first line a replica refuses this script, also while there is no message, so that the connection leaves it.
-- Takes the oldest messages off the stream, so that no other mailer gets them.
-- KEYS: stream of messages
-- ARGV: largest number
-- Answer: Redis's clock in Unix ms, their entries
local time = redis.call('TIME')
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
for _, entry in ipairs(entries) do redis.call('XDEL', KEYS[1], entry[1]) end
return {time[1] * 1000 + math.floor(time[2] / 1000), entries}

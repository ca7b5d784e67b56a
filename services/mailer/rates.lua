-- Counts a message to an address and to its domain; the windows begin with the first one. A message beyond a limit is not counted.
-- KEYS: counter of the address, counter of the domain
-- ARGV: for each, largest number and length of the window in s
-- Answer: 1 if the message may be sent, 0 if not
for i, counter in ipairs(KEYS) do
	if tonumber(redis.call('GET', counter) or 0) >= tonumber(ARGV[2 * i - 1]) then return 0 end
end
for i, counter in ipairs(KEYS) do
	local window_s = tonumber(ARGV[2 * i])
	if redis.call('INCR', counter) == 1 or redis.call('TTL', counter) > window_s then redis.call('EXPIRE', counter, window_s) end
end
return 1

-- Gives the right to refill back.
-- KEYS: which process refills
-- ARGV: name of the caller, for how many ms no refill is needed unless it is urgent (0: one is needed)
-- Answer: 1
local refiller = KEYS[1]
local name, rest_ms = ARGV[1], tonumber(ARGV[2])

if redis.call('GET', refiller) ~= name then return 1 end
if rest_ms > 0 then
	redis.call('SET', refiller, 'done', 'PX', rest_ms)
else
	redis.call('DEL', refiller)
end
return 1

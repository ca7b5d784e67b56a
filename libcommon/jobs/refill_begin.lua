-- Asks for the right to refill. When there are neither jobs nor finished ones, the window has only what a loss left behind, and is
-- emptied.
-- KEYS: which process refills, stream, window, finished
-- ARGV: name of the caller, lease in ms, most names that the window may have, least room that is worth a refill, 1 if it is urgent
-- Answer: 1; 0 when there is too little room; -1 when another refills, or has just done so and it is not urgent
local refiller, stream, window, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, lease_ms, most, least_room, is_urgent = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'

if redis.call('XLEN', stream) == 0 and redis.call('XLEN', finished) == 0 then redis.call('DEL', window) end
if most - redis.call('HLEN', window) < least_room then return 0 end
local owner = redis.call('GET', refiller)
if owner and owner ~= name and not (owner == 'done' and is_urgent) then return -1 end
redis.call('SET', refiller, name, 'PX', lease_ms)
return 1

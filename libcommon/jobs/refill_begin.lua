-- Asks for the right to refill. When there are neither jobs nor finished ones, the window has only what a loss left behind, and is
-- emptied. The right does not expire by its key's expiry, because a full Redis evicts what expires. Its value is "from until owner",
-- in Unix ms; before `from` it counts for nothing either, because the clock has then been set back.
-- KEYS: right to refill, stream, window, finished
-- ARGV: name of the caller, lease in ms, most names that the window may have, least room that is worth a refill, 1 if it is urgent
-- Answer: 1; 0 when there is too little room; -1 when another refills, or has just done so and it is not urgent
local right, stream, window, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, lease_ms, most, least_room, is_urgent = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function owner()
	local from, ends, of = (redis.call('GET', right) or ''):match('^(%d+) (%d+) (.+)$')
	return from and tonumber(from) <= now and now < tonumber(ends) and of
end

if redis.call('XLEN', stream) == 0 and redis.call('XLEN', finished) == 0 then redis.call('DEL', window) end
if most - redis.call('HLEN', window) < least_room then return 0 end
local of = owner()
if of and of ~= name and not (of == 'done' and is_urgent) then return -1 end
redis.call('SET', right, string.format('%.0f %.0f %s', now, now + lease_ms, name))
return 1

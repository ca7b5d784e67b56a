-- The Makefile puts this in the place of the line "-- include leave.lua" of a script that takes names out of the window, because
-- Postgres has their results or nothing waits for them. A refill that runs may have read of them in Postgres before that, so they are
-- noted until it ends. When they are too many, the refill loses its right, and the next one reads again.
-- The script has locals: window, right (to refill), gone
local GONE_MOST = 10000
local refiller = (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$')
local is_refilling = refiller and refiller ~= 'done'

local function leave(name)
	redis.call('HDEL', window, name)
	if not is_refilling then return end
	redis.call('SADD', gone, name) -- also when Redis is full, because the script has written
	if redis.call('SCARD', gone) > GONE_MOST then
		redis.call('DEL', right, gone)
		is_refilling = false
	end
end


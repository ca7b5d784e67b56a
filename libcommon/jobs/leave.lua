-- The Makefile puts this in the place of the line "-- include leave.lua" of a script after which a name is no longer to be added: Postgres
-- has its result or its failure, or nothing waits for it. A refill that runs may have read of it in Postgres before that, so it is
-- noted until that ends. When there are too many, the refill loses its right, and the next one reads again.
-- The script has locals: window, right (to refill), gone
local GONE_MOST = 10000
local refiller = (redis.call('GET', right) or ''):match('^%d+ %d+ (.+)$')
local is_refilling = refiller and refiller ~= 'done'

local function note_gone(name)
	if not is_refilling then return end
	redis.call('SADD', gone, name) -- also when Redis is full, because the script has written
	if redis.call('SCARD', gone) > GONE_MOST then
		redis.call('DEL', right, gone)
		is_refilling = false
	end
end

local function leave(name)
	redis.call('HDEL', window, name)
	note_gone(name)
end


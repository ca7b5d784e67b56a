-- Has a worker calculate a decimal that Redis no longer has, unless one does already. No worker reads the list: it expires.
-- KEYS: list, mark of this decimal
-- ARGV: "kind:index", request id, most decimals on the list, ms until it may be asked for again
-- Answer: 1; 0 when the list is full
local list, mark = KEYS[1], KEYS[2]
local name, request_id, most, mark_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

-- On a long list it waits for longer than its mark lives.
local function waits()
	for _, waiting in ipairs(redis.call('LRANGE', list, 0, -1)) do
		if waiting:sub(1, #name + 1) == name .. ' ' then return true end
	end
end

local left_ms = redis.call('PTTL', mark) -- more than mark_ms, if Redis's clock was set back since
if left_ms > 0 and left_ms <= mark_ms then return 1 end
if redis.call('LLEN', list) >= most then return 0 end
redis.call('SET', mark, '1', 'PX', string.format('%.0f', mark_ms))
if not waits() then redis.call('RPUSH', list, name .. ' ' .. request_id) end
redis.call('PEXPIRE', list, string.format('%.0f', mark_ms))
return 1

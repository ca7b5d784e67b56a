-- Stores the summaries of results until Postgres has them, publishes them and takes their jobs off the stream. A job that is
-- finished already (two workers finished it) keeps the first summary and is not published again.
-- KEYS: stream, window, dead letters, finished
-- ARGV: group, now in Unix ms, channel, then for each job: id, kind, index, digits, duration in microseconds, preview
-- Answer: 1
local stream, window, dead, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, now_ms, channel = ARGV[1], ARGV[2], ARGV[3]

local function publish(kind, index, digits, duration_us, preview)
	redis.call('PUBLISH', channel, '{"event":"value","kind":"' .. kind .. '","index":' .. index .. ',"digits":' .. digits ..
		',"preview":"' .. preview .. '","duration_us":' .. duration_us .. '}')
end

local function take_off(id)
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
end

for i = 4, #ARGV, 6 do
	local id, kind, index, digits, duration_us, preview = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
	local name = kind .. ':' .. index
	local known = redis.call('HGET', window, name)
	if not known or known:sub(1, 1) ~= '=' then
		local summary = digits .. ' ' .. duration_us .. ' ' .. now_ms .. ' ' .. preview
		local entry = redis.call('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', summary)
		publish(kind, index, digits, duration_us, preview)
		redis.call('HSET', window, name, '=' .. entry)
		if known then take_off(known) end -- another than this one, if Redis went back in time
	end
	redis.call('HDEL', dead, name)
	take_off(id)
end
return 1

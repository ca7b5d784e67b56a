-- Stores results, publishes them and takes their jobs off the stream. A job that already has a result (two workers finished it)
-- keeps the first one and is not published again.
-- KEYS: stream, hash of queued jobs, hash of dead letters
-- ARGV: group, now in Unix ms, prefix of the keys of results, prefix of the keys of whole decimals, channel, then for each job:
--       id, kind, index, digits, duration in microseconds, preview, whole decimal ('' when the preview is the whole)
-- Answer: 1
local stream, queued, dead = KEYS[1], KEYS[2], KEYS[3]
local group, now_ms, results, decimals, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function publish(kind, index, digits, duration_us, preview)
	redis.call('PUBLISH', channel, '{"event":"value","kind":"' .. kind .. '","index":' .. index .. ',"digits":' .. digits ..
		',"preview":"' .. preview .. '","duration_us":' .. duration_us .. '}')
end

for i = 6, #ARGV, 7 do
	local id, kind, index, digits = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local duration_us, preview, whole = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
	local name = kind .. ':' .. index
	local summary = digits .. ' ' .. duration_us .. ' ' .. now_ms .. ' ' .. preview
	if redis.call('HSETNX', results .. kind, index, summary) == 1 then
		if whole ~= '' then redis.call('SET', decimals .. name, whole) end
		publish(kind, index, digits, duration_us, preview)
	end
	redis.call('HDEL', queued, name)
	redis.call('HDEL', dead, name)
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
end
return 1

-- Stores the summaries of results until Postgres has them, publishes them and takes their jobs off the stream. A job that another
-- worker has finished already keeps the first summary and is not published again.
-- KEYS: stream, window, dead letters, finished
-- ARGV: group, now in Unix ms, channel, then for each job: id, kind, index, digits, duration in microseconds, preview
-- Answer: 1
local stream, window, dead, finished = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, now_ms, channel = ARGV[1], ARGV[2], ARGV[3]

local function publish(kind, index, digits, duration_us, preview)
	redis.call('PUBLISH', channel, '{"event":"value","kind":"' .. kind .. '","index":' .. index .. ',"digits":' .. digits ..
		',"preview":"' .. preview .. '","duration_us":' .. duration_us .. '}')
end

-- An id may stand for another calculation after its stream was deleted. nil: it stands for none.
local function stands_for(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	if entry then return entry[2][2] == kind and entry[2][4] == index end
end

local function take_off(id, kind, index)
	if stands_for(stream, id, kind, index) == false then return end
	redis.call('XACK', stream, group, id)
	redis.call('XDEL', stream, id)
end

-- Either its summary is here, or Postgres has it and nothing is left of the job. After Redis was emptied nothing is left either,
-- and no stream: then the result is stored.
local function is_finished(id, known, kind, index)
	if known then return known:sub(1, 1) == '=' and stands_for(finished, known:sub(2), kind, index) end
	return not stands_for(stream, id, kind, index) and redis.call('HEXISTS', dead, kind .. ':' .. index) == 0 and
		redis.call('EXISTS', stream) == 1
end

for i = 4, #ARGV, 6 do
	local id, kind, index, digits, duration_us, preview = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
	local name = kind .. ':' .. index
	local known = redis.call('HGET', window, name)
	if not is_finished(id, known, kind, index) then
		local summary = digits .. ' ' .. duration_us .. ' ' .. now_ms .. ' ' .. preview
		local entry = redis.call('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', summary)
		publish(kind, index, digits, duration_us, preview)
		redis.call('HSET', window, name, '=' .. entry)
		if known and known:sub(1, 1) ~= '=' then take_off(known, kind, index) end -- not id, if Redis went back in time
	end
	redis.call('HDEL', dead, name)
	take_off(id, kind, index)
end
return 1

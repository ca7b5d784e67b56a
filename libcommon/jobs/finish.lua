-- Stores the summaries of results until Postgres has them, publishes them and takes their jobs off their lane. A job that another
-- worker has finished already keeps the first summary and is not published again.
-- KEYS: small jobs, large jobs, window, dead letters, finished, load
-- ARGV: group, now in Unix ms, channel, then for each job: id, kind, index, digits, duration in microseconds, preview,
--       trace id ('': none)
-- Answer: 1
-- include load.lua
local small, large, window, dead, finished, load = unpack(KEYS)
local group, now_ms, channel = ARGV[1], ARGV[2], ARGV[3]
local freed_us = 0

local function publish(kind, index, digits, duration_us, preview, trace_id)
	local trace = trace_id ~= '' and ',"trace_id":"' .. trace_id .. '"' or ''
	redis.call('PUBLISH', channel, '{"event":"value","kind":"' .. kind .. '","index":' .. index .. ',"digits":' .. digits ..
		',"preview":"' .. preview .. '","duration_us":' .. duration_us .. trace .. '}')
end

-- An id may stand for another calculation after its stream was deleted: false. nil: it stands for none.
local function entry_of(entries, id, kind, index)
	local entry = redis.call('XRANGE', entries, id, id)[1]
	if entry then return entry[2][2] == kind and entry[2][4] == index and entry end
end

local function take_off(id, kind, index)
	for _, stream in ipairs({small, large}) do
		local entry = entry_of(stream, id, kind, index)
		if entry ~= false then redis.call('XACK', stream, group, id) end
		if entry then
			redis.call('XDEL', stream, id)
			freed_us = freed_us + us_of(entry[2])
			return
		end
	end
end

local function is_on_a_lane(id, kind, index)
	return entry_of(small, id, kind, index) or entry_of(large, id, kind, index)
end

-- Either its summary is here, or Postgres has it and nothing is left of the job. After Redis was emptied nothing is left either,
-- and no stream: then the result is stored.
local function is_finished(id, known, kind, index)
	if known then return known:sub(1, 1) == '=' and entry_of(finished, known:sub(2), kind, index) end
	return not is_on_a_lane(id, kind, index) and redis.call('HEXISTS', dead, kind .. ':' .. index) == 0 and
		redis.call('EXISTS', small, large) > 0
end

for i = 4, #ARGV, 7 do
	local id, kind, index, digits, duration_us, preview = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
	local trace_id = ARGV[i + 6]
	local name = kind .. ':' .. index
	local known = redis.call('HGET', window, name)
	if not is_finished(id, known, kind, index) then
		local summary = digits .. ' ' .. duration_us .. ' ' .. now_ms .. ' ' .. preview
		local entry = redis.call('XADD', finished, '*', 'kind', kind, 'index', index, 'summary', summary)
		publish(kind, index, digits, duration_us, preview, trace_id)
		redis.call('HSET', window, name, '=' .. entry)
		if known and known:sub(1, 1) ~= '=' then take_off(known, kind, index) end -- not id, if Redis went back in time
	end
	redis.call('HDEL', dead, name)
	take_off(id, kind, index)
end
take_off_load(load, freed_us)
return 1

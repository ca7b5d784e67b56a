-- The Makefile puts this in the place of the line "-- include revocations_table.lua" of a script.
-- A table of followers counts in the life of Redis (its run_id) that its id names, and for the stream that has a consumer group of
-- that name. Nothing reads by the group: it is a mark, which is lost exactly when the stream is (deleted, evicted, replaced).
-- Marks of tables that processes of an earlier version use have no "table.", and stay.

-- The id of the table. Begins a table when there is none that counts.
local function table_id(followers, stream)
	local now = redis.call('TIME')
	local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
	local id = redis.pcall('HGET', followers, '#table')
	local groups = redis.pcall('XINFO', 'GROUPS', stream)
	for _, group in ipairs(groups) do
		if group[2] == id and string.sub(id, 1, 6 + #life + 1) == 'table.' .. life .. '.' then return id end
	end

	id = 'table.' .. life .. '.' .. now[1] .. '.' .. now[2]
	redis.call('XGROUP', 'CREATE', stream, id, '0', 'MKSTREAM')
	for _, group in ipairs(groups) do
		if string.match(group[2], '^table%.%x+%.%d+%.%d+$') then redis.call('XGROUP', 'DESTROY', stream, group[2]) end
	end
	redis.call('DEL', followers)
	redis.call('HSET', followers, '#table', id)
	return id
end

-- The lifetime in s and the lease in ms for which the stream is proven to be complete; nil when the proof is of another table.
local function proven(complete, id)
	local proof = redis.pcall('GET', complete)
	local of_table, lifetime_s, lease_ms = string.match(type(proof) == 'string' and proof or '', '^(%S+) (%d+) (%d+)$')
	if of_table == id then return tonumber(lifetime_s), tonumber(lease_ms) end
end


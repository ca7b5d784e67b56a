-- KEYS: stream, dead letters
-- Answer: {jobs on the stream, dead letters, id of the oldest job or ''}
local stream, dead = KEYS[1], KEYS[2]

local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
return {redis.call('XLEN', stream), redis.call('HLEN', dead), oldest and oldest[1] or ''}

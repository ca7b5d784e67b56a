-- Keeps how many pending calculations wait in Postgres because they are not in the window. What finished and is not written is still in
-- the window, and still pending in Postgres.
-- KEYS: window, backlog
-- ARGV: calculations that are pending in Postgres, for how many ms the number counts
-- Answer: 1
local window, backlog = KEYS[1], KEYS[2]
local waiting = math.max(0, tonumber(ARGV[1]) - redis.call('HLEN', window))
redis.call('SET', backlog, string.format('%.0f', waiting), 'PX', ARGV[2])
return 1

# libcommon/jobs/refill_end.lua: a lane of which none waits stays closed
s/then redis.call('HDEL', load, waits) end/then return end/

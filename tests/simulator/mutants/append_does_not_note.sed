# libcommon/jobs/lanes.lua: a queued job is not noted
s/redis.call('HSET', window, kind .. ':' .. index, \(redis.call('XADD'.*)\))$/\1/

# libcommon/jobs/add.lua: a queued job is not noted
s/redis.call('HSET', window, name, \(redis.call('XADD'.*)\))$/\1/

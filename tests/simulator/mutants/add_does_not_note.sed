# libcommon/jobs/add.lua: a queued job is not noted
s/redis.call('HSET', window, name, \(append(.*)\))$/\1/

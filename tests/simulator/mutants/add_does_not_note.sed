# libcommon/jobs/add.lua: a queued job is not noted
/redis.call('HSET', queued, name, id)/d

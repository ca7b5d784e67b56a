# libcommon/jobs/finish.lua: a second result replaces the first
s/redis.call('HSETNX', results .. kind, index, summary) == 1/redis.call('HSET', results .. kind, index, summary) == 1/

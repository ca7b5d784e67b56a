# libcommon/jobs/finish.lua: a result that is there already is published again
s/redis.call('HSETNX', results .. kind, index, summary) == 1/redis.call('HSETNX', results .. kind, index, summary) >= 0/

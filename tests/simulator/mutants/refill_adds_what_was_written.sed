# libcommon/jobs/refill.lua: what was written after the refill began is added again
s/ + redis.call('SISMEMBER', gone, name) == 0/ == 0/

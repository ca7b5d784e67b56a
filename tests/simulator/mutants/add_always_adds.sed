# libcommon/jobs/add.lua: a job that is queued is added again
s/if redis.call('HEXISTS', queued, name) == 0 then/if true then/

# libcommon/jobs/add.lua: a large job is queued among the small ones
s/if us == 0 then return redis.call('XADD'/if true then return redis.call('XADD'/

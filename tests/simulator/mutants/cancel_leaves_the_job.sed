# libcommon/jobs/cancel.lua: the job stays on its lane
/redis.call('XDEL', stream, id)/d

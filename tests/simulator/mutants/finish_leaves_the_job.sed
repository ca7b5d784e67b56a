# libcommon/jobs/finish.lua: the job stays on the stream
/redis.call('XDEL', stream, id)/d

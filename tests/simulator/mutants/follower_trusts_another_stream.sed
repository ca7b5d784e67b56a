# libcommon/auth/revocations_follow.lua: a follower joins the table although the stream was deleted since it began
s/^local id = table_id(followers, stream)$/local id = redis.call('HGET', followers, '#table') or table_id(followers, stream)/

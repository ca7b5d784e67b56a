# libcommon/auth/revocations_follow.lua: a follower that was removed renews its lease
s/^elseif not before then$/elseif false then/

# libcommon/jobs/refill.lua: refill forgets what is missing
s/if not (id and is_here(id, kind, index)) and .*/if false then/

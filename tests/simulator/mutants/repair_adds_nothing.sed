# libcommon/jobs/repair.lua: repair forgets what is missing
s/if is_missing(kind, index, name) then/if false then/

# libcommon/jobs/lanes.lua: a large job is queued among the small ones
s/if us > 0 then/if false then/

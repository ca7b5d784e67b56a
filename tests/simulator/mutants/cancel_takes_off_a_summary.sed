# libcommon/jobs/cancel.lua: a summary that is not written yet is not found any more
s/if id and id:sub(1, 1) ~= '=' then/if id then/

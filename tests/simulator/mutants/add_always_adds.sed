# libcommon/jobs/add.lua: a job that is in the window is added again
s/if id and id:sub(1, 1) ~= '=' then return PENDING end//

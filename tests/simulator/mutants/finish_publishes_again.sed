# libcommon/jobs/finish.lua: a result that is there already is published again
s/if not known or known:sub(1, 1) ~= '=' then/if true then/

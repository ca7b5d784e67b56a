# libcommon/jobs/finish.lua: a result that is there already is published again
s/if not is_finished(id, known, kind, index) then/if true then/

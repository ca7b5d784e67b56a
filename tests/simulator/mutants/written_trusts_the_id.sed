# libcommon/jobs/written.lua: an id that stands for another calculation by now is taken out
s/if not is_another(id, name) then/if true then/

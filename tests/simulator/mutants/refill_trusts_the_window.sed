# libcommon/jobs/refill.lua: a job that is in the window counts as queued
s/if not (id and is_here(id, kind, index)) and/if not id and/

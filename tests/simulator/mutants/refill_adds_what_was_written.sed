# libcommon/jobs/refill.lua: what was written after the refill began is added again
s/and not is_gone //

# libcommon/jobs/refill.lua: a retry that did not reach Redis stays a dead letter
s/return letter and is_unwritten(letter, kind, index)/return letter/

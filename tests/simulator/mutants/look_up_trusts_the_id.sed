# libcommon/jobs/look_up.lua: another calculation's summary is taken for this one's
s/ and entry\[2\]\[2\] == kind and entry\[2\]\[4\] == index//

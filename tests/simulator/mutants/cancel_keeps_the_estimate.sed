# libcommon/jobs/cancel.lua: what it takes off still counts in the sum of estimates
/take_off_load(load, freed_us)/d

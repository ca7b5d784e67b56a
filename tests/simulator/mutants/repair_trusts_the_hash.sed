# libcommon/jobs/repair.lua: a job that is noted as queued counts as queued
s/return not id or .*/return not id/

# libcommon/jobs/take_over.lua: a job becomes a dead letter at its second delivery
s/deliveries >= deliveries_max/deliveries >= 1/

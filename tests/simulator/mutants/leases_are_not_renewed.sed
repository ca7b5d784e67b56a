# services/worker/leases.c: a job that takes longer than its lease is calculated by two workers
/^void leases_renew_due(/,/^}/s/work_in_batches(.*);/(void)arg;/

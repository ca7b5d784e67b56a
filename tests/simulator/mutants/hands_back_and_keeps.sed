# services/worker/leases.c: a job that was handed back stays held
s/^	work_release_batch(batch);$/	work_free_batch(batch);/

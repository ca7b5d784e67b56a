# services/worker/leases.c: the large jobs of a dead worker stay its own
/^void leases_take_over_due(/,/^}/s/lane < JOBS_LANES/lane < JOBS_LARGE/

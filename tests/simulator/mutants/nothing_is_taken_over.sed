# services/worker/leases.c: jobs of a dead worker are taken over and not run
/^static void taken_over/,/^}/s/run_jobs(work, others, count);/;/

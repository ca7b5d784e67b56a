# services/worker/receive.c: large jobs are received by none
/^void receive_more(/,/^}/s/lane < JOBS_LANES/lane < JOBS_LARGE/
/^static void connection_changed(/,/^}/s/if (is_ready)/if (is_ready \&\& ((struct receiver *)arg)->lane == JOBS_SMALL)/

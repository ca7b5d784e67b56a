/* The options of the worker itself; those of each module are beside it in libcommon. */
#include "service.h"

struct worker_config worker_config;

static const struct config_option own_options[] = {
	{"LEASE_SECONDS", CONFIG_INT, offsetof(struct worker_config, lease_s), "30",
	 "lease of a job: a worker that has not renewed it for this long loses the job to another", 1, 3600, false},
	{"MAX_DELIVERIES", CONFIG_INT, offsetof(struct worker_config, max_deliveries), "5",
	 "deliveries of a job without a result after which it becomes a dead letter", 1, 1000, false},
	{"WORKER_BATCH", CONFIG_INT, offsetof(struct worker_config, batch), "128", "largest number of jobs received at once", 1,
	 JOBS_BATCH_MAX, false},
	{"WORKER_THREADS", CONFIG_INT, offsetof(struct worker_config, threads), "1", "threads for large calculations", 1, 64,
	 false},
	{"RESULT_CACHE_SECONDS", CONFIG_INT, offsetof(struct worker_config, cache_s), "86400",
	 "for how long Redis keeps a result of more than 1,000 digits; later it is calculated again when it is read", 1,
	 365 * 86400, false},
	{"UNSTORED_BYTES_MAX", CONFIG_INT, offsetof(struct worker_config, unstored_bytes_max), "67108864",
	 "results that a worker holds while Redis takes no writes; with more it calculates no further", 1, 1 << 30, false},
	{"WORKER_NAME", CONFIG_TEXT, offsetof(struct worker_config, name), NULL,
	 "name of this consumer, which must be unique; default: the instance's", 0, 0, true},
	{0},
};

const struct daemon_config worker_configs[] = {
	{own_options, &worker_config},
	{redis_options, &worker_config.redis},
	{NULL, NULL},
};

void worker_check(struct config *config)
{
	redis_config_check(&worker_config.redis, config);
}

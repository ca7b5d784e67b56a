/* What main.c and manage.c need of the worker. */
#ifndef ABACUS_WORKER_SERVICE_H
#define ABACUS_WORKER_SERVICE_H

#include "daemon/daemon.h"
#include "jobs/jobs.h"
#include "redis/redis.h"

struct worker_config {
	struct redis_config redis;
	long lease_s, max_deliveries, batch, threads, cache_s, unstored_bytes_max;
	char *name; /* of this consumer in the consumer group; NULL: the instance's name */
};

extern struct worker_config worker_config;
extern const struct daemon_config worker_configs[];
void worker_check(struct config *config);

/* Receives jobs, calculates, stores the results. */
struct work;
/* counts: sets the gauges of the queue. Only one process of a daemon may, because /metrics adds up the processes' gauges. */
struct work *work_new(struct event_base *base, const struct worker_config *config, bool counts);
void work_register_metrics(void);
/* *ret_reason: why it is not. Not while results can not be stored, either. */
bool work_is_ready(const struct work *work, const char **ret_reason);
/* Stops receiving. Calls back after every finished result was stored and every other job was handed back, even one whose
 * calculation has begun. */
void work_drain(struct work *work, void (*drained)(void *arg), void *arg);
void work_free(struct work *work);

#endif

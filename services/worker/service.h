/* What the files of the worker share. */
#ifndef ABACUS_WORKER_SERVICE_H
#define ABACUS_WORKER_SERVICE_H

#include "base/pool.h"
#include "daemon/daemon.h"
#include "jobs/jobs.h"
#include "redis/redis.h"

struct worker_config {
	struct redis_config redis;
	long lease_s, max_deliveries, batch, threads;
	char *name; /* of this consumer in the group; NULL: the instance's */
};

extern struct worker_config worker_config;
extern const struct daemon_config worker_configs[];
void worker_check(struct config *config);

/* work.c: receives, calculates, stores. */
struct work;
/* counts: the gauges of what all workers share are set by it, which one process of a daemon does, for /metrics adds them up. */
struct work *work_new(struct event_base *base, const struct worker_config *config, bool counts);
void work_register_metrics(void);
bool work_is_ready(const struct work *work);
/* Receives no more; calls back once what is calculated is stored and the rest, begun or not, has been handed back. */
void work_drain(struct work *work, void (*drained)(void *arg), void *arg);
void work_free(struct work *work);

#endif

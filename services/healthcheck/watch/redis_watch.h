/* Watches Redis (does it answer, what does its INFO say) and the job queue that Redis holds. */
#ifndef ABACUS_HEALTHCHECK_REDIS_WATCH_H
#define ABACUS_HEALTHCHECK_REDIS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "record/events.h"

struct monitor;
struct redis_watch;

struct redis_readings {
	bool is_watched;
	struct watched watched;
	char role[16];                                            /* "primary", "replica"; "": not known */
	int64_t memory_bytes, memory_max_bytes, evicted, clients; /* negative: not known; memory_max_bytes 0: no limit */
	bool has_queue;                                           /* the next three are known */
	int64_t depth, dead;
	double oldest_s;
	int64_t backlog;      /* what waits in Postgres; negative: not known */
	struct watched queue; /* degraded while there are dead letters; keeps its health while the queue is not known */
};

/* What an answer to INFO says. Returns why Redis is degraded, a static text; NULL: it is not. */
const char *redis_watch_read(const char *info, struct redis_readings *readings);

/* Sets monitor->redis now and after each answer. */
struct redis_watch *redis_watch_new(struct monitor *monitor);
void redis_watch_ask(struct redis_watch *watch); /* unless the last question is still open; NULL is fine */
void redis_watch_free(struct redis_watch *watch);

#endif

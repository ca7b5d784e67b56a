/* What the files of the worker's day share.
 *   work.c     receiving, calculating, storing
 *   leases.c   renewing, taking over, handing back */
#ifndef ABACUS_WORKER_WORK_INTERNAL_H
#define ABACUS_WORKER_WORK_INTERNAL_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "service.h"

/* Large jobs held at once by a worker, waiting for the pool or being calculated. Many, for while they wait here the small ones
 * behind them in the stream go by; not all, for a worker that is started later shall find some. */
#define LARGE_MAX 1024

/* A job that this worker holds. */
struct held {
	struct job job;
	char *digits; /* malloc'ed; NULL until calculated */
	size_t len;
	int64_t duration_us;
	bool is_storing; /* or is being handed back */
	LIST_ENTRY(held) link;
};

struct work {
	const struct worker_config *config;
	char consumer[200];
	struct redis *redis, *receiving; /* one for all but the blocking reads */
	struct pool *pool;
	struct scope scope, receive_scope, pool_scope;
	struct event *renew, *take_over, *count, *resume;
	struct loop_deferred *store;
	LIST_HEAD(held_jobs, held) held;
	int held_count, large_count;
	bool is_receiving, is_taking_over, is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Jobs whose results are being stored, or that are being handed back, together. */
struct batch {
	struct work *work;
	int n;
	struct held *held[JOBS_BATCH_MAX];
};

/* work.c */
void work_take(struct work *work, const struct job *jobs, int n); /* while draining only to hand them back */
void work_drop_held(struct work *work, struct held *held);
void work_tell_when_drained(struct work *work);
struct batch *work_batch_new(struct work *work); /* to be freed */

/* leases.c: timers' callbacks with the work; and what is not calculated yet goes back at once, so that another worker need not
 * wait for the lease to run out. */
void leases_renew_due(evutil_socket_t fd, short what, void *work);
void leases_take_over_due(evutil_socket_t fd, short what, void *work);
void leases_release_waiting(struct work *work);

#endif

/* A small thread pool for work that takes over a millisecond. The queue is bounded: beyond it a call ends with STATUS_BUSY.
 * Threads run at a lower scheduling priority (nice 10), so that the loop stays prompt while they are busy. */
#ifndef ABACUS_BASE_POOL_H
#define ABACUS_BASE_POOL_H

#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct pool;

struct pool *pool_new(struct event_base *base, unsigned threads, unsigned queue_max);
void pool_free(struct pool *pool); /* waits for what is running, drops what is queued */
unsigned pool_queued(const struct pool *pool);

/* `job` belongs to the pool from here on: `work` runs on a thread and touches nothing but job; then, on the loop's thread,
 * `done` runs unless the scope was cancelled; then `drop` frees job, always, exactly once. A cancelled job that has not
 * started is not run. Full queue: done(STATUS_BUSY). */
void pool_submit(struct pool *pool, struct scope *scope, void (*work)(void *job),
		 void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg);

#endif

/* A small thread pool for work that takes more than a millisecond. Its queue is bounded: when it is full, a call ends with
 * STATUS_BUSY. Threads run at a lower scheduling priority (nice 10), so that the loop stays prompt while they work. */
#ifndef ABACUS_BASE_POOL_H
#define ABACUS_BASE_POOL_H

#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct pool;

struct pool *pool_new(struct event_base *base, unsigned threads, unsigned queue_max);
void pool_free(struct pool *pool); /* waits for what is running, drops what is queued */

/* The pool owns `job` from now on. `work` runs on a thread and touches nothing but job; then, on the loop's thread, `done` runs
 * unless the scope was cancelled; then `drop` frees job, exactly once in any case. A job that is cancelled before it started is
 * not worked on. Full queue: done(STATUS_BUSY). */
void pool_submit(struct pool *pool, struct scope *scope, void (*work)(void *job),
		 void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg);
/* As pool_submit(), but before everything that waits. */
void pool_submit_first(struct pool *pool, struct scope *scope, void (*work)(void *job),
		       void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg);

#endif

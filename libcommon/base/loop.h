/* What every module needs of the event loop: one configured base, and work put off to the end of the current turn
 * (one flush of many writes, the freeing of what a library's callback may not free). */
#ifndef ABACUS_LOOP_H
#define ABACUS_LOOP_H

#include <event2/event.h>

#define LOOP_PRIORITY_FIRST 0 /* revocations: applied before any request that could have been caused by them */
#define LOOP_PRIORITY_NORMAL 1
#define LOOP_PRIORITIES 2

/* epoll with a changelist (several changes of interest in one turn cost one system call), two priorities. */
struct event_base *loop_new(void);

/* A callback that runs once at the end of the turn in which it was scheduled, however often it was scheduled. */
struct loop_deferred;
struct loop_deferred *loop_deferred_new(struct event_base *base, void (*run)(void *arg), void *arg);
void loop_deferred_schedule(struct loop_deferred *deferred);
void loop_deferred_free(struct loop_deferred *deferred); /* NULL is fine; a scheduled run is dropped */

/* Delay before attempt n (0, 1, …): exponential from 50 ms to 5 s, with ±25 % jitter. */
struct timeval loop_backoff(unsigned attempt);

#endif

/* The event loop: its configuration, timers in milliseconds, and work deferred to the end of the current turn (one flush for
 * many writes; freeing what a library's callback may not free). */
#ifndef ABACUS_BASE_LOOP_H
#define ABACUS_BASE_LOOP_H

#include <stdbool.h>

#include <event2/event.h>

/* Events have LOOP_PRIORITY_NORMAL unless it is set: it is libevent's default for two priorities. */
#define LOOP_PRIORITY_FIRST \
	0 /* revocations, which must take effect before any request that they caused; a daemon's own signals */
#define LOOP_PRIORITY_NORMAL 1
#define LOOP_PRIORITIES 2

/* epoll with a changelist (several changes of interest in one turn cost one system call), two priorities. What libevent reports
 * goes to the log. When the kernel has no memory left to watch a descriptor, the process ends as it does without memory
 * (mem.h).
 */
struct event_base *loop_new(void);

/* A callback that runs once at the end of the turn in which it was scheduled, however often that was. */
struct loop_deferred;
struct loop_deferred *loop_deferred_new(struct event_base *base, void (*run)(void *arg), void *arg);
void loop_deferred_schedule(struct loop_deferred *deferred);
void loop_deferred_free(struct loop_deferred *deferred); /* NULL is fine; a scheduled run is dropped */

/* A timer, which rests until it is started. Starting it again replaces its time. Its callback may start, stop or free it. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct event_base *base, void (*run)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *timer, long ms);  /* once, after ms; 0: in the loop's next turn */
void loop_timer_repeat(struct loop_timer *timer, long ms); /* every ms, the first time after ms */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */
/* A timer that repeats from the start. */
struct loop_timer *loop_every(struct event_base *base, long ms, void (*run)(void *arg), void *arg);

/* Milliseconds before attempt n (0, 1, …): exponential from 50 ms to 1 s, with ±25 % jitter. */
long loop_backoff_ms(unsigned attempt);

#endif

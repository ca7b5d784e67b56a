/* Counts what waits in Postgres because it does not fit into the window of jobs, for the gauges of workers and for healthcheck.
 * One process does it each five seconds (libcommon/jobs/backlog.c). It costs what is pending, at most STORE_PENDING_MAX, and
 * nothing for what is done. */
#ifndef ABACUS_VALUES_BACKLOG_H
#define ABACUS_VALUES_BACKLOG_H

struct backlog;
struct event_base;
struct values;

struct backlog *backlog_new(struct event_base *base, struct values *values);
void backlog_free(struct backlog *backlog);

#endif

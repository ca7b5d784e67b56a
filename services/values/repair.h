/* Compares Postgres with Redis. Postgres knows all calculations that were asked for; Redis may lose anything at any moment.
 * Jobs that Redis has lost are added again: at start, on each connection to Redis and every REPAIR_SECONDS. */
#ifndef ABACUS_VALUES_REPAIR_H
#define ABACUS_VALUES_REPAIR_H

#include "jobs/jobs.h"

struct event_base;
struct values;
struct repair;

struct repair *repair_new(struct event_base *base, struct values *values);
void repair_free(struct repair *repair);
/* A request found these with neither result nor job: adds their jobs now. n <= JOBS_BATCH_MAX; the next sweep finds the rest.
 */
void repair_now(struct repair *repair, const struct job_key *keys, int n);
/* A stored submission could not be queued: a sweep follows as soon as Redis is ready. */
void repair_soon(struct repair *repair);
void repair_register_metrics(void);

#endif

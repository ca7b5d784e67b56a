/* Keeps the window of jobs in Redis filled from the calculations that are pending in Postgres, each lane by itself. What Redis
 * has lost returns by the same path as what did not fit: every REPAIR_SECONDS, on each connection to Redis, and soon after
 * refill_soon(). One process does it at a time (docs/decisions/0016-postgres-keeps-what-is-known.md). */
#ifndef ABACUS_VALUES_REFILL_H
#define ABACUS_VALUES_REFILL_H

#include <stdbool.h>

#include "jobs/jobs.h"

struct event_base;
struct values;
struct refill;

struct refill *refill_new(struct event_base *base, struct values *values);
void refill_free(struct refill *refill);
/* A job could not be added, or Redis has lost one. */
void refill_soon(struct refill *refill);
/* A job did not fit: it is added when its lane has room. */
void refill_when_there_is_room(struct refill *refill, enum jobs_lane lane);
/* A reader found something pending of which Redis knows nothing: it has lost it, or it did not fit. */
void refill_missing(struct refill *refill, enum jobs_lane lane);
/* Whether Redis may have results of the version before 0016. */
bool refill_sees_legacy(const struct refill *refill);
void refill_register_metrics(void);

#endif

/* Takes off the jobs of calculations that lost their last submission while they were pending. */
#ifndef ABACUS_VALUES_CANCELLATIONS_H
#define ABACUS_VALUES_CANCELLATIONS_H

#include "postgres/postgres.h"

struct values;

/* rows: of a statement that deletes submissions (store.h). Returns at once. While Redis is away, what is queued is calculated
 * needlessly: Postgres has no row for its result. */
void cancellations_add(struct values *values, const struct postgres_rows *rows);

#endif

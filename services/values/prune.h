/* Deletes submissions that are to be kept no longer: those of deleted users, and those older than VALUES_RETENTION_DAYS.
 * Calculations and results stay, because they are of no user. Every process does it, and each finds what is left. */
#ifndef ABACUS_VALUES_PRUNE_H
#define ABACUS_VALUES_PRUNE_H

#include <stdint.h>

struct event_base;
struct values;
struct prune;

struct prune *prune_new(struct event_base *base, struct values *values);
void prune_free(struct prune *prune);
/* users has published that it deleted this user. */
void prune_user(struct prune *prune, int64_t user_id);
void prune_register_metrics(void);

#endif

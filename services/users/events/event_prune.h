/* Removes events that are older than EVENTS_RETENTION_DAYS, the oldest first and some hundred at a time. The first process of
 * each daemon does it; any number may do it at once. */
#ifndef ABACUS_USERS_EVENT_PRUNE_H
#define ABACUS_USERS_EVENT_PRUNE_H

struct event_base;
struct users;
struct event_prune;

/* NULL for another process than the first one. */
struct event_prune *event_prune_new(struct event_base *base, struct users *users, int process);
void event_prune_free(struct event_prune *prune); /* NULL is fine */

#endif

/* Removes sessions that have ended by themselves, a page of the table at a time (SESSIONS_PRUNE_SECONDS), and revocations that
 * matter no longer. Any number of processes may do it at once. */
#ifndef ABACUS_USERS_SESSION_PRUNE_H
#define ABACUS_USERS_SESSION_PRUNE_H

struct event_base;
struct users;
struct session_prune;

struct session_prune *session_prune_new(struct event_base *base, struct users *users);
void session_prune_free(struct session_prune *prune);

#endif

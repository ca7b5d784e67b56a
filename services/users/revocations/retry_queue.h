/* The revocation retry queue: revocations that Postgres has, or may still come to have, and that were not published, because
 * Redis was away or because the client disconnected before its reply. A timer publishes them.
 * The queue is in memory. What was in it when the process was killed, the process that starts next publishes (republisher.h).
 */
#ifndef ABACUS_USERS_RETRY_QUEUE_H
#define ABACUS_USERS_RETRY_QUEUE_H

#include "auth/revocations.h"

struct event_base;
struct users;
struct retry_queue;

#define RETRY_QUEUE_MAX 10000 /* entries */

/* With more than max entries all revocations are published again (republisher_want()). */
struct retry_queue *retry_queue_new(struct event_base *base, struct users *users, unsigned max);
/* Calls `drained` when the queue is empty, while Redis is away, or when all that is left has to be read from a Postgres that is
 * away, because the next start publishes all, and so does each process when Redis has returned.
 * What waits for a statement whose connection was lost is read earlier than it should be, and may be published by the next
 * start. */
void retry_queue_drain(struct retry_queue *queue, void (*drained)(void *arg), void *arg);
/* After http_server_free(), because requests add to the queue until the last of them has ended. */
void retry_queue_free(struct retry_queue *queue);
/* Copies that of a token. */
void retry_queue_add(struct retry_queue *queue, const struct revocation *revocation);
/* What a user's row says is published when no statement can change it any more. */
void retry_queue_add_user(struct retry_queue *queue, int64_t user_id);
/* The same of a session that may or may not have been ended. */
void retry_queue_add_session(struct retry_queue *queue, const uint8_t id[JWT_JTI_BYTES]);
/* The same of the sessions that a login ended, by the id of its own session. */
void retry_queue_add_login(struct retry_queue *queue, const uint8_t session[JWT_JTI_BYTES]);

#endif

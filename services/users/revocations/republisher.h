/* Publishes all revocations again when Redis may have lost some, because the other services learn only from Redis's stream
 * which tokens are revoked: after a lost connection to Redis, because the next one may lead to a Redis with older data; and
 * when the stream is not proven to be complete (auth/revocations.h), which it looks for on each new connection, whenever the
 * table of followers is another one, and every REPAIR_SECONDS. It also publishes all once after each start, when no statement
 * of an earlier process can take effect any more: a process that was killed may have stored a revocation without publishing it.
 */
#ifndef ABACUS_USERS_REPUBLISHER_H
#define ABACUS_USERS_REPUBLISHER_H

struct event_base;
struct users;
struct republisher;

struct republisher *republisher_new(struct event_base *base, struct users *users);
void republisher_free(struct republisher *republisher);
/* Publishes all once more, when no statement that was sent before can take effect any more: one was lost. */
void republisher_want(struct republisher *republisher);

#endif

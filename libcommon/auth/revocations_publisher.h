/* Publishes revocations and waits until no process accepts the tokens any more: the writing side of the protocol in
 * auth/revocations.h. It keeps a picture of the table of followers, from the replies of its own commands and from the
 * confirmations that are announced. Once a second, and ten times a second while something waits, it reads the table, removes
 * followers whose leases have run out, and settles a new table. An announcement that is lost only costs time. */
#ifndef ABACUS_REVOCATIONS_PUBLISHER_H
#define ABACUS_REVOCATIONS_PUBLISHER_H

#include "auth/revocations.h"

struct revocations_publisher;
/* `redis` is borrowed: commands go there. A connection of its own listens. */
struct revocations_publisher *revocations_publisher_new(struct event_base *base, const struct redis_config *redis_config,
							struct redis *redis, const struct revocations_config *config);
/* What still waits is dropped without its callback; cancel its scopes first. */
void revocations_publisher_free(struct revocations_publisher *publisher);
/* `begun` runs each time another table is seen, also for the first: Redis was emptied, restarted or replaced. */
void revocations_publisher_on_table(struct revocations_publisher *publisher, void (*begun)(void *arg), void *arg);

/* STATUS_OK: no process accepts the tokens any more. UNAVAILABLE after limit_ms, or when Redis was lost: the entry may have
 * been published, and is not confirmed. Other statuses are those of redis.h: it was not published. */
typedef void revocations_confirmed(enum status status, void *arg);
void revocations_publish_confirmed(struct revocations_publisher *publisher, struct scope *scope,
				   const struct revocation *revocation, long limit_ms, revocations_confirmed *done, void *arg);

#endif

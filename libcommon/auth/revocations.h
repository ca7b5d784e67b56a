/* Tokens that were revoked before they expired. The users service's Postgres is the authority; users publishes each revocation
 * on a Redis stream (`revocations`), of which every process keeps a copy in memory: a check costs no round trip, and works
 * while Redis is unreachable.
 *
 * A revocation takes effect at once, because its entry reaches this process's socket before the reply to the logout has left
 * Redis, and the loop reads that socket (LOOP_PRIORITY_FIRST) before any request that the reply could have caused.
 * A process knows nothing until it has read the whole stream while REVOCATIONS_COMPLETE was set (users sets it). After it has
 * lost Redis it trusts its copy for `max_age_s`; then every check answers REVOCATION_UNKNOWN. */
#ifndef ABACUS_REVOCATIONS_H
#define ABACUS_REVOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/jwt.h"
#include "redis/redis.h"

#define REVOCATIONS_STREAM "revocations"
#define REVOCATIONS_COMPLETE \
	"revocations:complete" /* set while the stream holds every revocation; lost when Redis is emptied */
/* The epoch of a republication that is under way. The key keeps its first name: processes of two versions share it during a
 * rolling replacement. */
#define REVOCATIONS_REPUBLISHING "revocations:telling"

/* One entry. Stream fields: `token` (jti text), or `user` (id) and `until` (Unix ms: tokens issued up to then are revoked, and
 * all tokens while the user is inactive; INT64_MAX for a deleted user); `inactive` 0|1 (which message the reply carries: see
 * services/swagger/openapi.yaml); `expires` (Unix s after which no such token can be valid). An entry `hello` 1 revokes
 * nothing: it wakes the readers after a republication. Of two entries of a user the one with the greater `until` counts,
 * whichever arrives last. */
struct revocation {
	bool is_user;
	uint8_t jti[JWT_JTI_BYTES];
	int64_t user_id, until_ms;
	bool is_inactive;
	int64_t expires_s;
};

enum revocation_verdict { REVOCATION_NONE, REVOCATION_REVOKED, REVOCATION_INACTIVE, REVOCATION_UNKNOWN };

struct revocations;
/* Opens a connection of its own and follows the stream (XREAD BLOCK). */
struct revocations *revocations_new(struct event_base *base, const struct redis_config *config, long max_age_s);
void revocations_free(struct revocations *revocations);
bool revocations_is_ready(const struct revocations *revocations);
enum revocation_verdict revocations_check(const struct revocations *revocations, const struct jwt_claims *claims);

/* The writing side, which only users uses. Adds n entries atomically and trims entries older than lifetime_s. */
void revocations_publish(struct redis *redis, struct scope *scope, const struct revocation *entries, int n, int64_t lifetime_s,
			 redis_done *done, void *arg);
/* Publishing everything again, which any number of processes may do at once. The beginning answers [whether the stream is
 * complete already (1 or 0), an epoch to end with]. The end sets REVOCATIONS_COMPLETE, trims entries from before the epoch,
 * because each was published again, and answers 1; or 0 when Redis was emptied since the beginning, so that everything must be
 * published once more. */
#define REVOCATIONS_EPOCH_BYTES 48
void revocations_republish_begin(struct redis *redis, struct scope *scope, redis_done *done, void *arg);
void revocations_republish_end(struct redis *redis, struct scope *scope, const char *epoch, redis_done *done, void *arg);
/* users lists them in its redis_new(). */
extern const struct redis_script revocations_publish_script, revocations_republish_begin_script,
	revocations_republish_end_script;

#endif

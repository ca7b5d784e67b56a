/* Tokens that died before they expired. Truth is in the users service's Postgres; it tells the others through a Redis stream
 * (`revocations`), of which each process keeps a copy in memory: a check costs no round trip, and works while Redis is away.
 *
 * Why this is strict: the entry reaches this process's socket before the reply to the logout has left Redis, and the loop
 * reads that socket (LOOP_PRIORITY_FIRST) before any request that the reply could have caused.
 * A process knows nothing until it has read the stream whole while REVOCATIONS_COMPLETE was there (users sees to it); it trusts
 * its copy for `max_age_s` after it lost Redis, and then says STATUS_UNAVAILABLE. */
#ifndef ABACUS_REVOCATIONS_H
#define ABACUS_REVOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/jwt.h"
#include "redis/redis.h"

#define REVOCATIONS_STREAM "revocations"
#define REVOCATIONS_COMPLETE \
	"revocations:complete" /* there while the stream holds all that matters; gone when Redis was emptied */
#define REVOCATIONS_TELLING "revocations:telling" /* the mark; there while somebody tells everything to an emptied Redis */

/* One entry. Stream fields: `token` (jti text) or `user` (id) + `until` (unix ms: tokens issued up to then are dead, and all of
 * them while the user is inactive; INT64_MAX for one who is gone), `inactive` 0|1 (which of contract.md's messages), `expires`
 * (unix s after which no such token can be valid), or `hello` 1: nothing; after an emptied Redis was told everything.
 * What is said of a user grows by `until`: an entry with a lesser one was overtaken on its way, and says nothing. */
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

/* The writing side (users alone). XADDs n entries atomically, trimming what is older than lifetime_s. */
void revocations_publish(struct redis *redis, struct scope *scope, const struct revocation *entries, int n, int64_t lifetime_s,
			 redis_done *done, void *arg);
/* Around telling everything. Begin answers [whether that was done since Redis was emptied (0 or 1), a mark to end with]. Ending
 * sets REVOCATIONS_COMPLETE, drops what was told before the beginning, for it was told again, and answers 1; or 0, when Redis
 * was emptied since the beginning and all is to be told once more. Any number of processes may tell at once. */
#define REVOCATIONS_MARK_BYTES 48
void revocations_begin(struct redis *redis, struct scope *scope, redis_done *done, void *arg);
void revocations_end(struct redis *redis, struct scope *scope, const char *mark, redis_done *done, void *arg);
/* users lists them in its redis_new() */
extern const struct redis_script revocations_publish_script, revocations_begin_script, revocations_end_script;

#endif

/* Tokens that were revoked before they expired, and how every process knows them.
 *
 * The promise: once a revocation was answered with 200, no process accepts the token any more. Checking a token costs no round
 * trip.
 *
 * The users service's Postgres is the authority. users publishes each revocation on a Redis stream (`revocations`), of which
 * each process of the other services, a follower, keeps a copy in memory. A follower may trust its copy until its *lease* runs
 * out: REVOCATIONS_MAX_AGE_SECONDS after it has sent the last confirmation that Redis answered. A process without a lease
 * answers REVOCATION_UNKNOWN, and users is asked about the token (introspection.h). users answers 200 when every follower that
 * may still trust its copy has confirmed the entry.
 *
 * A follower's way to trust:
 *  1. It reads the whole stream.
 *  2. It joins the table of followers (REVOCATIONS_FOLLOWERS). Redis refuses that unless the stream is proven to be complete.
 *  3. It reads the rest: what was published before it joined. users waits for it with whatever is published from then on.
 *  4. It renews its lease, which Redis refuses unless it is still in the table; only then it trusts its copy. From now on it
 *     waits for entries (XREAD BLOCK), and renews after each batch, with the position up to which it has applied them, and
 *     five times in a lease when none come. A renewal that is refused leads back to 1; the copy stays trusted until its
 *     lease is over. A follower that stops leaves the table at once.
 *
 * users's way to 200 (revocations_publisher.h): adding the entry answers its position and the table as it was at that moment. A
 * confirmation is announced on REVOCATIONS_CHANNEL, so many revocations share one wait, and a follower confirms many at once.
 * The wait is over when each follower of the table has confirmed that position. A follower that was killed, stopped or cut off
 * is silent: users removes it when its value has not changed for its lease, by users's clock, and Redis removes it only if the
 * value is still the same. So whatever the follower does afterwards, its renewal is refused.
 *
 * Only monotonic clocks of one machine at a time are compared: a follower counts from before it sends (CLOCK_BOOTTIME, because
 * users goes on counting while the follower's machine is suspended), users from after it has seen, and 2 % and 100 ms longer.
 * A check reads the clock, so a process that was stopped refuses as soon as it continues. If it is stopped between the check
 * and its answer, the request had arrived while the lease held, so before the 200.
 *
 * Redis may lose what it has: it is emptied, it restarts with an older file, another server takes over, the stream is deleted
 * or evicted. So all of it is tied to the *table* of followers:
 *  - Field `#table` is its id, "table.<life of Redis (its run_id)>.<time of its creation>". The table counts in that life
 *    alone, and as long as the stream has a consumer group of that name, which is a mark: it goes when the stream goes.
 *    Otherwise each script begins another table first (revocations_table.lua).
 *  - REVOCATIONS_COMPLETE, the proof that users has published everything since this table began: "<table> <lifetime of
 *    tokens in s> <lease in ms>". The lifetime says for how long the stream keeps entries: a follower with a longer one is
 *    refused. The lease bounds every follower's.
 *  - The epoch of a republication names its table.
 *  - A table that began anew may lack followers which still trust their copies. So nothing is answered with 200 until a users
 *    process has seen the table for a whole lease, its own or the longest that it has seen a follower hold in the table
 *    before, and has settled it (field `#settled`). What was waiting when the id changed is answered with 503. users
 *    publishes everything again after each lost connection, and as soon as it sees another table.
 *
 * The proof bounds a lease when the follower joins, and not its renewals. A follower that joins again, and is granted a shorter
 * lease, trusts its copy by the former one until a renewal was answered, so what is left of the former one is registered.
 *
 * Two versions at once: processes of an earlier version do not join this table, so users does not wait for them, and what it
 * has answered with 200 they refuse when they have read the entry, a moment later. Versions without a table trust the stream
 * when REVOCATIONS_LEGACY_COMPLETE exists, which users sets for them; a table that an earlier version made has another name,
 * an id of another form, and a proof of its own, so neither version ends the other's. A process of this version accepts no
 * proof that users of an earlier version has set. So replace users first. Redis 7 or later is required: renewals must work in a
 * full Redis (script flag allow-oom), because otherwise a full Redis would end every follower's lease. */
#ifndef ABACUS_REVOCATIONS_H
#define ABACUS_REVOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/jwt.h"
#include "redis/redis.h"

/* The names in braces have the slot of a cluster that REVOCATIONS_STREAM has, so that one script may use them all. */
#define REVOCATIONS_STREAM "revocations"
#define REVOCATIONS_COMPLETE "{revocations}:complete"
#define REVOCATIONS_REPUBLISHING "{revocations}:republishing" /* the epoch of a republication that is under way */
/* A hash: the fields above, and for each follower a random name, with the value "<beat> <position> <lease in ms> <instance>".
 */
#define REVOCATIONS_FOLLOWERS "{revocations}:followers"
#define REVOCATIONS_LEGACY_COMPLETE "revocations:complete"
#define REVOCATIONS_CHANNEL "revocations:confirmed" /* messages: "<table> <follower> <position>" */

/* A revocation outlives its token by so long, here, in the stream and in Postgres (LONG_AGO of users): a clock that was ahead
 * that much may be set back, and the tokens that expired by it are good again. */
#define REVOCATIONS_KEPT_S 3600

/* Entries that a process keeps at most, 80 bytes each. With more it trusts no copy: revocations_check() answers
 * REVOCATION_UNKNOWN, so users is asked about each token, and it tries again after a minute. */
#define REVOCATIONS_MAX 1000000

/* One entry. Stream fields: `token` (jti text, or the sid of a session, whose access tokens are revoked by it), or `user` (id)
 * and `until` (the user's tokens_dead_until_ms: tokens whose jti carries no more are revoked, and all while the user is
 * inactive; INT64_MAX for a deleted user); `inactive` 0|1 (which message the reply carries: see services/swagger/openapi.yaml);
 * `expires` (Unix s after which no such token can be valid). An entry of one field, `hello` 1, revokes nothing: it wakes the
 * readers after a republication. Every other entry that a follower can not read ends its trust at once, also one of a kind that
 * a later version adds; a field more is fine. The follower asks users about each token, and reads the stream again after ten
 * seconds. Of two entries of a user the one with the greater `until` counts, whichever arrives last. */
struct revocation {
	bool is_user;
	uint8_t jti[JWT_JTI_BYTES];
	int64_t user_id, until_ms;
	bool is_inactive;
	int64_t expires_s;
};

/* ---- following ---- */

enum revocation_verdict { REVOCATION_NONE, REVOCATION_REVOKED, REVOCATION_INACTIVE, REVOCATION_UNKNOWN };

struct revocations_config {
	long lease_s;    /* at least 1 */
	long lifetime_s; /* of a token */
	long max;        /* entries of a copy; 0: REVOCATIONS_MAX */
};

struct revocations;
/* Opens a connection of its own and follows the stream. */
struct revocations *revocations_new(struct event_base *base, const struct redis_config *redis,
				    const struct revocations_config *config);
void revocations_free(struct revocations *revocations);
/* deleted runs once for each user that was deleted within the lifetime of a token, also if that was before the start. */
void revocations_on_deleted(struct revocations *revocations, void (*deleted)(int64_t user_id, void *arg), void *arg);
/* Does it trust its copy? */
bool revocations_is_ready(const struct revocations *revocations);
/* Does it keep none, because there are more than it may keep, or one that it can not read? Then it will trust none for a long
 * time, and to start another process in its place changes nothing. */
bool revocations_has_given_up(const struct revocations *revocations);
/* Does it read a stream of a thousand entries or more, and does not know all of them yet? With a million that takes seconds, or
 * as long as users takes to publish them. Not while users publishes for a shorter lifetime of tokens, because that may not end.
 */
bool revocations_is_loading(const struct revocations *revocations);
enum revocation_verdict revocations_check(const struct revocations *revocations, const struct jwt_claims *claims);
/* Before a clean stop, when no request is left: every check answers REVOCATION_UNKNOWN from now on, and users waits for this
 * process no longer once done has run. `redis` is another connection, because the follower's own blocks. */
void revocations_leave(struct revocations *revocations, struct redis *redis, struct scope *scope, redis_done *done, void *arg);

/* ---- publishing, which only users does ---- */

/* Adds n entries atomically, and trims entries older than lifetime_s. Waits for no follower: revocations_publisher.h does.
 * STATUS_OK: the reply is [the id of the last entry, "" for n = 0; fields and values of the table]. INTERNAL: any other reply,
 * which does not prove that the entries were added. */
void revocations_publish(struct redis *redis, struct scope *scope, const struct revocation *entries, int n, int64_t lifetime_s,
			 redis_done *done, void *arg);
/* Publishing everything again, which any number of processes may do at once. The beginning answers [whether the stream is
 * complete already for this lifetime (1 or 0), an epoch to end with]. The end sets REVOCATIONS_COMPLETE, trims entries from
 * before the epoch, because each was published again, and answers 1; or 0 when Redis has lost the
 * table or the stream since the beginning, so that everything must be published once more. */
#define REVOCATIONS_EPOCH_BYTES 128
void revocations_republish_begin(struct redis *redis, struct scope *scope, int64_t lifetime_s, redis_done *done, void *arg);
void revocations_republish_end(struct redis *redis, struct scope *scope, const char *epoch,
			       const struct revocations_config *config, redis_done *done, void *arg);
/* For processes of version 0.1.0 before the table of followers, after each republication. Once none of them runs, this may go.
 */
void revocations_republished_for_legacy(struct redis *redis, struct scope *scope);
/* users lists them in its redis_new(). */
extern const struct redis_script revocations_publish_script, revocations_sweep_script, revocations_republish_begin_script,
	revocations_republish_end_script;

#endif

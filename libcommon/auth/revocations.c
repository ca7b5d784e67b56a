/* The reading side of the revocations: a copy in memory that follows the stream.
 * Flow: start_over -> read_on -> caught_up … -> join -> joined -> read_on -> caught_up … -> renew -> renewed (trusted from
 * here) -> wait_for_entries -> received -> renew …; while the stream is not known to be complete: joined -> wait_for_entries
 * -> received -> read_on. */
#include "auth/revocations_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

/* Of either table; a chain's length is the number of live revocations over this: 15 for a million. Pages of the tables that no
 * entry has touched use no memory. */
#define BUCKETS (1 << 16)
#define BATCH 1000
#define BATCH_TEXT "1000"
#define FORGET_MS 1000   /* a slice each time, because a walk over a million entries would block the loop */
#define FORGET_SLICES 64 /* of each table */
#define FORGET_BUCKETS (BUCKETS / FORGET_SLICES)
#define FULL_AGAIN_MS ((FORGET_SLICES + 1) * FORGET_MS) /* when all are forgotten */
#define AGAIN_MS 1000                                   /* after an error reply */
#define UNREADABLE_AGAIN_MS 10000 /* because such an entry stays, and all before it are read again each time */
#define BEATS 5                   /* confirmations in a lease */
#define BEAT_MS_MIN 200           /* of the shortest lease that can be configured */

REDIS_SCRIPT(libcommon_auth, revocations_follow, revocations_follow);

struct entry {
	struct revocation revocation;
	LIST_ENTRY(entry) link;
};
LIST_HEAD(entries, entry);

struct revocations {
	struct redis *redis;
	struct scope scope;
	struct entries by_jti[BUCKETS], by_user[BUCKETS];
	long count;
	int forget_next;  /* bucket */
	char last_id[48]; /* of the stream; reading goes on after it */
	struct revocations_config config;
	char name[REVOCATIONS_NAME_BYTES]; /* in REVOCATIONS_FOLLOWERS */
	unsigned long beat;
	long loaded; /* entries that it has read since it began anew */
	/* Registered: users waits for this copy. Current: the whole stream was read since, so each confirmation extends the
	 * trust.
	 */
	bool is_registered, is_current, has_left;
	bool has_given_up; /* the last time that it read them: too many, or one that it can not read */
	bool forgets_all;  /* what it has is no copy */
	bool has_renewed;  /* since it joined */
	bool was_refused_lifetime;
	int64_t lease_us;         /* granted when it joined */
	int64_t confirmed_us;     /* when the last confirmation was sent */
	int64_t trusted_until_us; /* by clock_boottime_us(); stays when the connection is lost */
	int64_t waiting_since_us; /* the read that waits */
	struct loop_timer *forget, *again;
	void (*deleted)(int64_t user_id, void *arg);
	void *deleted_arg;
};

static void read_on(void *revocations);
static void caught_up(enum status status, const redisReply *reply, void *arg);
static void join(struct revocations *revocations);
static void joined(enum status status, const redisReply *reply, void *arg);
static void wait_for_entries(struct revocations *revocations);
static void received(enum status status, const redisReply *reply, void *arg);
static void renew(struct revocations *revocations);
static void renewed(enum status status, const redisReply *reply, void *arg);

/* ---- the copy in memory ---- */

static struct entries *bucket_of_jti(struct revocations *revocations, const uint8_t jti[JWT_JTI_BYTES])
{
	unsigned hash;

	memcpy(&hash, jti + (JWT_JTI_BYTES - sizeof hash), sizeof hash); /* random by RFC 9562 §5.7 */
	return &revocations->by_jti[hash % BUCKETS];
}

static struct entries *bucket_of_user(struct revocations *revocations, int64_t user_id)
{
	return &revocations->by_user[(uint64_t)user_id % BUCKETS];
}

static struct entry *find_jti(const struct revocations *revocations, const uint8_t jti[JWT_JTI_BYTES])
{
	struct entry *entry;

	LIST_FOREACH (entry, bucket_of_jti((struct revocations *)(uintptr_t)revocations, jti), link)
		if (memcmp(entry->revocation.jti, jti, JWT_JTI_BYTES) == 0)
			return entry;
	return NULL;
}

static struct entry *find_user(const struct revocations *revocations, int64_t user_id)
{
	struct entry *entry;

	LIST_FOREACH (entry, bucket_of_user((struct revocations *)(uintptr_t)revocations, user_id), link)
		if (entry->revocation.user_id == user_id)
			return entry;
	return NULL;
}

static bool is_deletion(const struct revocation *revocation)
{
	return revocation->is_user && revocation->until_ms == INT64_MAX;
}

static void remember(struct revocations *revocations, const struct revocation *revocation)
{
	struct entry *entry =
		revocation->is_user ? find_user(revocations, revocation->user_id) : find_jti(revocations, revocation->jti);

	if (entry && revocation->is_user && revocation->until_ms < entry->revocation.until_ms)
		return;
	if (revocations->deleted && is_deletion(revocation) && !(entry && is_deletion(&entry->revocation)))
		revocations->deleted(revocation->user_id, revocations->deleted_arg);
	if (!entry) {
		entry = mem_alloc(sizeof *entry);
		LIST_INSERT_HEAD(revocation->is_user ? bucket_of_user(revocations, revocation->user_id)
						     : bucket_of_jti(revocations, revocation->jti),
				 entry, link);
		revocations->count++;
	}
	entry->revocation = *revocation;
}

/* A deletion stays, because it is reported once. */
static bool is_forgotten(const struct revocations *revocations, const struct revocation *revocation, int64_t kept_from_s)
{
	return revocation->expires_s < kept_from_s || (revocations->forgets_all && !is_deletion(revocation));
}

static void forget(struct revocations *revocations, struct entries *buckets, int n, int64_t kept_from_s)
{
	for (int i = 0; i < n && revocations->count > 0; i++) {
		struct entry *entry = LIST_FIRST(&buckets[i]);

		while (entry) {
			struct entry *next = LIST_NEXT(entry, link);

			if (is_forgotten(revocations, &entry->revocation, kept_from_s)) {
				LIST_REMOVE(entry, link);
				free(entry);
				revocations->count--;
			}
			entry = next;
		}
	}
}

static void forget_due(void *arg)
{
	struct revocations *revocations = arg;

	int64_t kept_from_s = clock_unix_ms() / 1000 - REVOCATIONS_KEPT_S;

	forget(revocations, revocations->by_jti + revocations->forget_next, FORGET_BUCKETS, kept_from_s);
	forget(revocations, revocations->by_user + revocations->forget_next, FORGET_BUCKETS, kept_from_s);
	revocations->forget_next = (revocations->forget_next + FORGET_BUCKETS) % BUCKETS;
}

static bool is_too_large(const struct revocations *revocations)
{
	return revocations->count > (revocations->config.max ? revocations->config.max : REVOCATIONS_MAX);
}

/* By a clock of this machine that also counts the time in which the process or the machine was stopped. */
static bool is_trusted(const struct revocations *revocations)
{
	return clock_boottime_us() < revocations->trusted_until_us;
}

bool revocations_is_ready(const struct revocations *revocations)
{
	return is_trusted(revocations);
}

bool revocations_has_given_up(const struct revocations *revocations)
{
	return revocations->has_given_up;
}

bool revocations_is_loading(const struct revocations *revocations)
{
	return revocations->loaded >= BATCH && !revocations->is_current && !revocations->was_refused_lifetime;
}

enum revocation_verdict revocations_check(const struct revocations *revocations, const struct jwt_claims *claims)
{
	const struct entry *entry;

	if (!is_trusted(revocations))
		return REVOCATION_UNKNOWN;
	entry = find_user(revocations, claims->user_id);
	if (!entry || (!entry->revocation.is_inactive && jwt_jti_unix_ms(claims->jti) > entry->revocation.until_ms))
		entry = find_jti(revocations, claims->jti);
	if (!entry && claims->has_session)
		entry = find_jti(revocations, claims->session.id);
	if (!entry)
		return REVOCATION_NONE;
	return entry->revocation.is_inactive ? REVOCATION_INACTIVE : REVOCATION_REVOKED;
}

/* ---- following the stream ---- */

static const char *field(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (strcmp(redis_text(fields->element[i]), name) == 0)
			return redis_text(fields->element[i + 1]);
	return "";
}

/* Nothing but its own field, because an entry of a later version, or one that was damaged, may revoke something. */
static bool is_hello(const redisReply *fields)
{
	return fields->elements == 2 && *field(fields, "hello") != '\0';
}

/* INVALID: it may revoke something, and it is not known what. Further fields are fine. */
static enum status parse_entry(const redisReply *fields, struct revocation *ret_revocation)
{
	const char *token = field(fields, "token"), *user = field(fields, "user"), *inactive = field(fields, "inactive");
	struct revocation revocation = {.is_user = *user != '\0', .is_inactive = strcmp(inactive, "1") == 0};
	bool is_whole = revocation.is_user == (*token == '\0') && (revocation.is_inactive || strcmp(inactive, "0") == 0) &&
			int64_parse(field(fields, "expires"), &revocation.expires_s) == STATUS_OK;

	if (revocation.is_user)
		is_whole = is_whole && int64_parse(user, &revocation.user_id) == STATUS_OK &&
			   int64_parse(field(fields, "until"), &revocation.until_ms) == STATUS_OK;
	else
		is_whole = is_whole && jwt_jti_parse(token, revocation.jti) == STATUS_OK;
	*ret_revocation = revocation;
	return is_whole ? STATUS_OK : STATUS_INVALID;
}

static enum status read_entry(struct revocations *revocations, const char *id, const redisReply *fields)
{
	struct revocation revocation;
	enum status status;

	if (is_hello(fields))
		return STATUS_OK;
	status = parse_entry(fields, &revocation);
	if (status == STATUS_OK)
		remember(revocations, &revocation);
	else
		log_line(LOG_ERROR, "a revocation can not be read; users is asked about each token", LOG_TEXT("entry", id));
	return status;
}

static bool is_after(const char *id, const char *last_id)
{
	struct revocations_position position, last;

	return revocations_position_parse(id, &position) == STATUS_OK &&
	       revocations_position_parse(last_id, &last) == STATUS_OK && revocations_position_is_before(last, position);
}

/* Reads the reply to XREAD. INTERNAL when it is none, INVALID when an entry can not be read, because it is not known then which
 * revocations there are. */
static enum status read_stream(struct revocations *revocations, const redisReply *reply, size_t *ret_count)
{
	const redisReply *entries = redis_stream_entries(reply);
	enum status status;

	if (!entries && !redis_is_nil(reply))
		return redis_unexpected("XREAD", reply);
	*ret_count = entries ? entries->elements : 0;
	for (size_t i = 0; i < *ret_count; i++) {
		const redisReply *entry = entries->element[i];

		if (!redis_is_entry(entry) || !is_after(entry->element[0]->str, revocations->last_id))
			return redis_unexpected("XREAD", entry);
		status = read_entry(revocations, entry->element[0]->str, entry->element[1]);
		if (status != STATUS_OK)
			return status;
		snprintf(revocations->last_id, sizeof revocations->last_id, "%s", entry->element[0]->str);
		revocations->loaded++;
	}
	return STATUS_OK;
}

static void left(enum status status, const redisReply *reply, void *arg)
{
}

/* So that no logout waits for this process until its lease is over. */
static void leave(const struct revocations *revocations, struct redis *redis, struct scope *scope, redis_done *done, void *arg)
{
	redis_command(redis, scope, 3, (const char *[]){"HDEL", REVOCATIONS_FOLLOWERS, revocations->name}, NULL, done, arg);
}

/* No copy is kept, because one that lacks entries would accept dead tokens: it is trusted no longer, whatever is left of its
 * lease, and users does not wait for it. */
static void give_up(struct revocations *revocations, long again_ms)
{
	revocations->has_given_up = true;
	revocations->trusted_until_us = 0;
	revocations->is_registered = revocations->is_current = false;
	leave(revocations, revocations->redis, &revocations->scope, left, NULL);
	loop_timer_start(revocations->again, again_ms);
}

/* Some may have expired when it tries again. */
static void give_up_full(struct revocations *revocations)
{
	log_line(LOG_ERROR, "there are more revocations than a process keeps; users is asked about each token",
		 LOG_INT("kept", revocations->count));
	revocations->forgets_all = true;
	give_up(revocations, FULL_AGAIN_MS);
}

/* After a lost connection the next one begins anew. After an error reply (an operator unblocked the connection, the key holds
 * another type, Redis is busy), a reply of another type, and a read that brought nothing although it did not wait, it begins
 * anew after a pause, because the same would come again at once. INVALID: its copy lacks an entry that it can not read. */
static void fail(struct revocations *revocations, enum status status, const redisReply *reply)
{
	if (status == STATUS_INVALID)
		return give_up(revocations, UNREADABLE_AGAIN_MS);
	if (!reply && status != STATUS_BUSY)
		return;
	loop_timer_start(revocations->again, AGAIN_MS);
}

/* From the beginning, because an emptied Redis may begin its ids again; entries that are known already change nothing. The copy
 * stays trusted for what is left of its lease. */
static void start_over(void *arg)
{
	struct revocations *revocations = arg;

	revocations->is_registered = revocations->is_current = revocations->has_renewed = revocations->forgets_all = false;
	strcpy(revocations->last_id, "0-0");
	revocations->loaded = 0;
	read_on(revocations);
}

static void read_on(void *arg)
{
	struct revocations *revocations = arg;

	redis_command(revocations->redis, &revocations->scope, 6,
		      (const char *[]){"XREAD", "COUNT", BATCH_TEXT, "STREAMS", REVOCATIONS_STREAM, revocations->last_id}, NULL,
		      caught_up, revocations);
}

/* The read that follows the registration returns everything that was published before it; of what is published later, users
 * waits for the confirmation. The renewal that follows the read proves that Redis has lost neither the stream nor the table
 * between the two. */
static void caught_up(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	size_t count = 0;

	if (status == STATUS_OK)
		status = read_stream(revocations, reply, &count);
	if (status != STATUS_OK)
		return fail(revocations, status, reply);
	if (is_too_large(revocations))
		return give_up_full(revocations);
	if (count >= BATCH)
		return read_on(revocations);
	if (!revocations->is_registered)
		return join(revocations);
	revocations->is_current = true;
	renew(revocations);
}

/* ---- the table of followers ---- */

/* The lease of before counts until a renewal is answered, and may be longer than the next one. */
static int64_t trusted_ms(const struct revocations *revocations, int64_t now_us)
{
	int64_t left_us = revocations->trusted_until_us - now_us;

	return left_us > 0 ? left_us / 1000 + 1 : 0;
}

static void confirm(struct revocations *revocations, const char *action, int64_t lease_us, redis_done *done)
{
	char beat[INT64_TEXT_BYTES], lease_ms[INT64_TEXT_BYTES], left_ms[INT64_TEXT_BYTES], lifetime_s[INT64_TEXT_BYTES];

	revocations->confirmed_us =
		clock_boottime_us(); /* before it is sent: the lease never lasts longer here than for users */
	int64_format((int64_t)++revocations->beat, beat);
	int64_format(lease_us / 1000, lease_ms);
	int64_format(trusted_ms(revocations, revocations->confirmed_us), left_ms);
	int64_format(revocations->config.lifetime_s, lifetime_s);
	redis_eval(revocations->redis, &revocations->scope, &revocations_follow_script, 3, 12,
		   (const char *[]){REVOCATIONS_FOLLOWERS, REVOCATIONS_COMPLETE, REVOCATIONS_STREAM, revocations->name, action,
				    beat, revocations->last_id, lease_ms, left_ms, lifetime_s, log_instance(),
				    REVOCATIONS_CHANNEL},
		   NULL, done, revocations);
}

/* {state, lease in ms} of revocations_follow.lua */
static enum status read_state(const redisReply *reply, long lease_ms_max, long long *ret_state, int64_t *ret_lease_us)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_INTEGER ||
	    reply->element[1]->type != REDIS_REPLY_INTEGER)
		return redis_unexpected("revocations_follow", reply);
	if (reply->element[1]->integer < 0 || reply->element[1]->integer > lease_ms_max)
		return redis_unexpected("revocations_follow", reply);
	*ret_state = reply->element[0]->integer;
	*ret_lease_us = reply->element[1]->integer * 1000;
	return STATUS_OK;
}

static void join(struct revocations *revocations)
{
	confirm(revocations, "join", revocations->config.lease_s * 1000000, joined);
}

static void joined(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	long long state = 0;

	if (status == STATUS_OK)
		status = read_state(reply, revocations->config.lease_s * 1000, &state, &revocations->lease_us);
	if (status != STATUS_OK)
		return fail(revocations, status, reply);
	if (state == -2 && !revocations->was_refused_lifetime)
		log_line(LOG_WARN, "tokens live longer here than users publishes revocations; no token is accepted",
			 LOG_TEXT("see", "TOKEN_LIFETIME_SECONDS"));
	revocations->was_refused_lifetime = state == -2;
	revocations->is_registered = state == 1;
	if (state == 1)
		read_on(revocations);
	else
		wait_for_entries(revocations);
}

static void renew(struct revocations *revocations)
{
	confirm(revocations, "renew", revocations->lease_us, renewed);
}

static void renewed(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	long long state = 0;
	int64_t lease_us;

	if (status == STATUS_OK)
		status = read_state(reply, revocations->config.lease_s * 1000, &state, &lease_us);
	if (status != STATUS_OK)
		return fail(revocations, status, reply);
	if (state != 1) /* with a pause, unless it can not come again at once */
		return loop_timer_start(revocations->again, revocations->has_renewed ? 0 : AGAIN_MS);
	revocations->has_renewed = true;
	revocations->has_given_up = false;
	revocations->trusted_until_us = revocations->confirmed_us + revocations->lease_us;
	wait_for_entries(revocations);
}

/* ---- waiting for entries ---- */

static long beat_ms(const struct revocations *revocations)
{
	int64_t lease_ms = revocations->is_registered ? revocations->lease_us / 1000 : revocations->config.lease_s * 1000;

	return lease_ms / BEATS > BEAT_MS_MIN ? (long)(lease_ms / BEATS) : BEAT_MS_MIN;
}

static void wait_for_entries(struct revocations *revocations)
{
	char block[INT64_TEXT_BYTES];

	int64_format(beat_ms(revocations), block);
	revocations->waiting_since_us = clock_monotonic_us();
	redis_command_blocking(revocations->redis, &revocations->scope, beat_ms(revocations), 8,
			       (const char *[]){"XREAD", "COUNT", BATCH_TEXT, "BLOCK", block, "STREAMS", REVOCATIONS_STREAM,
						revocations->last_id},
			       NULL, received, revocations);
}

static void received(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	bool has_waited = clock_monotonic_us() - revocations->waiting_since_us > beat_ms(revocations) * 1000 / 2;
	size_t count = 0;

	if (status == STATUS_OK)
		status = read_stream(revocations, reply, &count);
	if (status == STATUS_OK && count == 0 && !has_waited)
		status = STATUS_INTERNAL;
	if (status != STATUS_OK)
		fail(revocations, status, reply);
	else if (is_too_large(revocations))
		give_up_full(revocations);
	else if (revocations->is_current)
		renew(revocations);
	else
		read_on(revocations);
}

static void connection_changed(bool is_ready, void *arg)
{
	struct revocations *revocations = arg;

	loop_timer_stop(revocations->again);
	if (is_ready && !revocations->has_left)
		start_over(revocations);
}

/* ---- creation and end ---- */

static void set_name(struct revocations *revocations)
{
	uint8_t bytes[(REVOCATIONS_NAME_BYTES - 1) / 2];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		mem_die("the kernel gives no random bytes\n");
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(revocations->name + 2 * i, 3, "%02x", bytes[i]);
}

struct revocations *revocations_new(struct event_base *base, const struct redis_config *redis,
				    const struct revocations_config *config)
{
	static const struct redis_script *const scripts[] = {&revocations_follow_script, NULL};
	struct revocations *revocations = mem_alloc(sizeof *revocations);

	scope_init(&revocations->scope);
	revocations->config = *config;
	set_name(revocations);
	revocations->redis = redis_new(base, redis, scripts, LOOP_PRIORITY_FIRST);
	redis_on_change(revocations->redis, connection_changed, revocations);
	revocations->again = loop_timer_new(base, start_over, revocations);
	revocations->forget = loop_every(base, FORGET_MS, forget_due, revocations);
	return revocations;
}

void revocations_on_deleted(struct revocations *revocations, void (*deleted)(int64_t user_id, void *arg), void *arg)
{
	revocations->deleted = deleted;
	revocations->deleted_arg = arg;
}

/* It trusts its copy no longer before it sends the request, because users then waits for it no longer. */
void revocations_leave(struct revocations *revocations, struct redis *redis, struct scope *scope, redis_done *done, void *arg)
{
	revocations->has_left = true;
	revocations->trusted_until_us = 0;
	loop_timer_stop(revocations->again);
	scope_cancel(&revocations->scope);
	leave(revocations, redis, scope, done, arg);
}

void revocations_free(struct revocations *revocations)
{
	if (!revocations)
		return;
	redis_free(revocations->redis);
	forget(revocations, revocations->by_jti, BUCKETS, INT64_MAX);
	forget(revocations, revocations->by_user, BUCKETS, INT64_MAX);
	scope_cancel(&revocations->scope);
	loop_timer_free(revocations->forget);
	loop_timer_free(revocations->again);
	free(revocations);
}

/* The reading side of the revocations: a copy in memory that follows the stream. */
#include "auth/revocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define BUCKETS 4096 /* of either table; a chain's length is the number of live revocations over this */
#define BLOCK_MS 5000
#define BATCH "1000"
#define FORGET_MS 60000
#define AGAIN_MS 1000 /* after an error reply */

struct entry {
	struct revocation revocation;
	LIST_ENTRY(entry) link;
};
LIST_HEAD(entries, entry);

struct revocations {
	struct redis *redis;
	struct scope scope;
	struct entries by_jti[BUCKETS], by_user[BUCKETS];
	char last_id[48];  /* of the stream; reading goes on after it */
	bool is_current;   /* the whole stream was read on this connection while REVOCATIONS_COMPLETE was set */
	bool was_current;  /* at some time; the copy is then trusted for max_age_us */
	bool was_complete; /* REVOCATIONS_COMPLETE was set before the read that is under way */
	struct loop_timer *forget, *again;
	int64_t following_since_us; /* the read that waits */
	int64_t lost_us, max_age_us;
};

static void read_on(void *revocations);

/* ---- the copy in memory ---- */

static struct entries *bucket_of_jti(struct revocations *revocations, const uint8_t jti[JWT_JTI_BYTES])
{
	unsigned hash;

	memcpy(&hash, jti + JWT_JTI_BYTES - sizeof hash, sizeof hash); /* random by RFC 9562 §5.7 */
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

static void remember(struct revocations *revocations, const struct revocation *revocation)
{
	struct entry *entry =
		revocation->is_user ? find_user(revocations, revocation->user_id) : find_jti(revocations, revocation->jti);

	if (entry && revocation->is_user && revocation->until_ms < entry->revocation.until_ms)
		return;
	if (!entry) {
		entry = mem_alloc(sizeof *entry);
		LIST_INSERT_HEAD(revocation->is_user ? bucket_of_user(revocations, revocation->user_id)
						     : bucket_of_jti(revocations, revocation->jti),
				 entry, link);
	}
	entry->revocation = *revocation;
}

static void forget_expired(struct entries *table, int64_t now_s)
{
	for (int i = 0; i < BUCKETS; i++) {
		struct entry *entry = LIST_FIRST(&table[i]);

		while (entry) {
			struct entry *next = LIST_NEXT(entry, link);

			if (entry->revocation.expires_s < now_s) {
				LIST_REMOVE(entry, link);
				free(entry);
			}
			entry = next;
		}
	}
}

static void forget_due(void *arg)
{
	struct revocations *revocations = arg;

	forget_expired(revocations->by_jti, clock_unix_ms() / 1000);
	forget_expired(revocations->by_user, clock_unix_ms() / 1000);
}

static bool is_trusted(const struct revocations *revocations)
{
	return revocations->is_current ||
	       (revocations->was_current && clock_monotonic_us() - revocations->lost_us < revocations->max_age_us);
}

bool revocations_is_ready(const struct revocations *revocations)
{
	return is_trusted(revocations);
}

enum revocation_verdict revocations_check(const struct revocations *revocations, const struct jwt_claims *claims)
{
	const struct entry *entry;

	if (!is_trusted(revocations))
		return REVOCATION_UNKNOWN;
	entry = find_user(revocations, claims->user_id);
	if (!entry || (!entry->revocation.is_inactive && jwt_jti_unix_ms(claims->jti) > entry->revocation.until_ms))
		entry = find_jti(revocations, claims->jti);
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

static void read_entry(struct revocations *revocations, const redisReply *fields)
{
	struct revocation revocation = {.is_inactive = strcmp(field(fields, "inactive"), "1") == 0};

	if (int64_parse(field(fields, "expires"), &revocation.expires_s) != STATUS_OK)
		return; /* a hello */
	revocation.is_user = *field(fields, "user") != '\0';
	if (revocation.is_user ? int64_parse(field(fields, "user"), &revocation.user_id) == STATUS_OK &&
					 int64_parse(field(fields, "until"), &revocation.until_ms) == STATUS_OK
			       : jwt_jti_parse(field(fields, "token"), revocation.jti) == STATUS_OK)
		remember(revocations, &revocation);
	else
		log_line(LOG_WARN, "a revocation that can not be read was passed over");
}

/* Reads the reply to XREAD. INTERNAL when it is none, because it is not known then which revocations there are. */
static enum status read_stream(struct revocations *revocations, const redisReply *reply, size_t *ret_count)
{
	const redisReply *entries = redis_stream_entries(reply);

	if (!entries && !redis_is_nil(reply))
		return redis_unexpected("XREAD", reply);
	*ret_count = entries ? entries->elements : 0;
	for (size_t i = 0; i < *ret_count; i++) {
		const redisReply *entry = entries->element[i];

		if (!redis_is_entry(entry))
			return redis_unexpected("XREAD", entry);
		read_entry(revocations, entry->element[1]);
		snprintf(revocations->last_id, sizeof revocations->last_id, "%s", entry->element[0]->str);
	}
	return STATUS_OK;
}

static void lose_track(struct revocations *revocations)
{
	if (revocations->is_current)
		revocations->lost_us = clock_monotonic_us();
	revocations->is_current = false;
}

/* After a lost connection the next one goes on. After an error reply (an operator unblocked the connection, the key holds
 * another type, Redis is busy), a reply of another type, and a read that brought nothing although it did not wait, reading
 * pauses, because the same would come again at once. */
static void fail(struct revocations *revocations, enum status status, const redisReply *reply)
{
	if (!reply && status != STATUS_BUSY)
		return;
	lose_track(revocations);
	loop_timer_start(revocations->again, AGAIN_MS);
}

static void received(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	bool has_waited = clock_monotonic_us() - revocations->following_since_us > BLOCK_MS * 1000 / 2;
	size_t count = 0;

	if (status == STATUS_OK)
		status = read_stream(revocations, reply, &count);
	if (status == STATUS_OK && count == 0 && !has_waited)
		status = STATUS_INTERNAL;
	if (status == STATUS_OK)
		read_on(revocations);
	else
		fail(revocations, status, reply);
}

static void follow(struct revocations *revocations)
{
	char block[16];

	snprintf(block, sizeof block, "%d", BLOCK_MS);
	revocations->following_since_us = clock_monotonic_us();
	redis_command_blocking(
		revocations->redis, &revocations->scope, BLOCK_MS, 8,
		(const char *[]){"XREAD", "COUNT", BATCH, "BLOCK", block, "STREAMS", REVOCATIONS_STREAM, revocations->last_id},
		NULL, received, revocations);
}

static void caught_up(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;
	size_t count = 0;

	if (status == STATUS_OK)
		status = read_stream(revocations, reply, &count);
	if (status != STATUS_OK) {
		fail(revocations, status, reply);
		return;
	}
	if (revocations->was_complete && count < (size_t)atoi(BATCH))
		revocations->is_current = revocations->was_current = true;
	if (count)
		read_on(revocations); /* REVOCATIONS_COMPLETE may have been set meanwhile */
	else
		follow(revocations);
}

static void looked(enum status status, const redisReply *reply, void *arg)
{
	struct revocations *revocations = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("EXISTS", reply);
	if (status != STATUS_OK) {
		fail(revocations, status, reply);
		return;
	}
	revocations->was_complete = reply->integer == 1;
	redis_command(revocations->redis, &revocations->scope, 6,
		      (const char *[]){"XREAD", "COUNT", BATCH, "STREAMS", REVOCATIONS_STREAM, revocations->last_id}, NULL,
		      caught_up, revocations);
}

/* REVOCATIONS_COMPLETE is looked at before a read that does not wait: the read then returns everything that was published
 * before it was set. In the other order it could be set together with entries that have not been read yet. */
static void read_on(void *arg)
{
	struct revocations *revocations = arg;

	if (revocations->is_current)
		follow(revocations);
	else
		redis_command(revocations->redis, &revocations->scope, 2, (const char *[]){"EXISTS", REVOCATIONS_COMPLETE},
			      NULL, looked, revocations);
}

/* Each new connection reads from the beginning, because an emptied Redis may begin its ids again; entries that are known
 * already change nothing. Until the stream has been read the copy is as old as the loss. */
static void connection_changed(bool is_ready, void *arg)
{
	struct revocations *revocations = arg;

	lose_track(revocations);
	loop_timer_stop(revocations->again);
	if (!is_ready)
		return;
	strcpy(revocations->last_id, "0-0");
	read_on(revocations);
}

struct revocations *revocations_new(struct event_base *base, const struct redis_config *config, long max_age_s)
{
	struct revocations *revocations = mem_alloc(sizeof *revocations);

	scope_init(&revocations->scope);
	revocations->max_age_us = (int64_t)max_age_s * 1000000;
	revocations->redis = redis_new(base, config, NULL, LOOP_PRIORITY_FIRST);
	redis_on_change(revocations->redis, connection_changed, revocations);
	revocations->again = loop_timer_new(base, read_on, revocations);
	revocations->forget = loop_every(base, FORGET_MS, forget_due, revocations);
	return revocations;
}

void revocations_free(struct revocations *revocations)
{
	if (!revocations)
		return;
	redis_free(revocations->redis);
	forget_expired(revocations->by_jti, INT64_MAX);
	forget_expired(revocations->by_user, INT64_MAX);
	loop_timer_free(revocations->forget);
	loop_timer_free(revocations->again);
	free(revocations);
}

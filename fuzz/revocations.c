/* What Redis answers to a follower of the revocations, and to the table of followers that users keeps, of any bytes. The first
 * byte of the input chooses between the two; hiredis reads the replies from the rest. redis_command() and its like are this
 * file's own, and replace redis/. Invariants of a follower:
 * - it begins to trust its copy, or trusts it for longer, only when Redis has just granted a renewal of the same connection on
 *   which it has joined before; and it trusts it then;
 * - while it trusts its copy, each revocation that it has said to have applied is refused, and a token that no entry names is
 * not;
 * - there is one command in flight, or a timer that begins anew; the position that it confirms only grows.
 * Invariants of the table:
 * - a reply that is refused changes nothing; each follower that a reply lists is known, and those that it does not list are not
 *   waited for;
 * - a follower's position never goes back in one table; users waits for exactly those that are behind. */
#include <stdio.h>

#include "auth/revocations_internal.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/loop.h"
#include "fuzz.h"
#include "redis/redis_internal.h"
#include "redis_replies.h"

#define LEASE_S 3600
#define LIFETIME_S 7200
#define LEAST_MS 60000 /* of a lease that does not run out meanwhile */
#define KNOWN_MAX 64
#define COMMANDS_MAX 200

/* ---- the connection, in place of redis/ ---- */

enum asked { ASKED_READ, ASKED_JOIN, ASKED_RENEW };

static struct redis connection;
static struct {
	bool is_pending;
	enum asked asked;
	char position[64];
	redis_done *done;
	void *arg;
	void (*changed)(bool is_ready, void *arg);
	void *changed_arg;
} redis;

static struct redis_call *accept_call(enum asked asked, const char *position, redis_done *done, void *arg)
{
	require(!redis.is_pending && strlen(position) < sizeof redis.position);
	redis.is_pending = true;
	redis.asked = asked;
	strcpy(redis.position, position);
	redis.done = done;
	redis.arg = arg;
	return NULL;
}

struct redis *redis_new(struct event_base *base, const struct redis_config *config, const struct redis_script *const *scripts,
			int priority)
{
	require(priority == LOOP_PRIORITY_FIRST && scripts && *scripts);
	return &connection;
}

void redis_free(struct redis *freed)
{
	require(freed == &connection);
	redis.is_pending = false;
}

void redis_on_change(struct redis *changing, void (*changed)(bool is_ready, void *arg), void *arg)
{
	redis.changed = changed;
	redis.changed_arg = arg;
}

struct redis_call *redis_command_blocking(struct redis *asked, struct scope *scope, long block_ms, int argc, const char **argv,
					  const size_t *lens, redis_done *done, void *arg)
{
	require(strcmp(argv[0], "XREAD") == 0 && strcmp(argv[argc - 2], REVOCATIONS_STREAM) == 0);
	return accept_call(ASKED_READ, argv[argc - 1], done, arg);
}

struct redis_call *redis_command(struct redis *asked, struct scope *scope, int argc, const char **argv, const size_t *lens,
				 redis_done *done, void *arg)
{
	if (strcmp(argv[0], "HDEL") == 0) /* it gives up, and waits for no answer */
		return NULL;
	return redis_command_blocking(asked, scope, 0, argc, argv, lens, done, arg);
}

/* ARGV of revocations_follow.lua: follower, 'join' or 'renew', beat, position, … */
struct redis_call *redis_eval(struct redis *asked, struct scope *scope, const struct redis_script *script, int keys, int argc,
			      const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	require(argc - keys == 9 && strlen(argv[keys]) == REVOCATIONS_NAME_BYTES - 1);
	return accept_call(strcmp(argv[keys + 1], "join") == 0 ? ASKED_JOIN : ASKED_RENEW, argv[keys + 3], done, arg);
}

/* ---- what the follower must know: a second reading of the replies ---- */

static struct revocation known[KNOWN_MAX];
static size_t known_count;
static bool names_innocent; /* some entry names what no entry of ours does */

static const struct jwt_claims innocent = {.user_id = 424242,
					   .jti = {1, 0x8B, 0xCF, 0xE5, 0x68, 0, 0x7A, 0xBC, 0x8D, 0xEF, 1, 2, 3, 4, 5, 6}};

static const char *field_of(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		const redisReply *key = fields->element[i], *value = fields->element[i + 1];

		if (key->type == REDIS_REPLY_STRING && strcmp(key->str, name) == 0)
			return value->type == REDIS_REPLY_STRING ? value->str : "";
	}
	return "";
}

/* False: the entry revokes nothing. */
static bool understand(const redisReply *fields, struct revocation *revocation)
{
	*revocation = (struct revocation){.is_user = *field_of(fields, "user") != '\0'};
	if (int64_parse(field_of(fields, "expires"), &revocation->expires_s) != STATUS_OK)
		return false;
	if (revocation->is_user)
		return int64_parse(field_of(fields, "user"), &revocation->user_id) == STATUS_OK &&
		       int64_parse(field_of(fields, "until"), &revocation->until_ms) == STATUS_OK;
	return jwt_jti_parse(field_of(fields, "token"), revocation->jti) == STATUS_OK;
}

/* The entries of a reply to XREAD, if it is one; NULL: nothing that can be applied. */
static const redisReply *entries_of(const redisReply *reply)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
		return NULL;
	reply = reply->element[0];
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_ARRAY)
		return NULL;
	return reply->element[1];
}

static const redisReply *fields_of(const redisReply *entry)
{
	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || entry->element[0]->type != REDIS_REPLY_STRING ||
	    entry->element[1]->type != REDIS_REPLY_ARRAY)
		return NULL;
	return entry->element[1];
}

/* An entry may have been applied although its reply was refused behind it, so each one counts as named. */
static void note_names(const redisReply *entries)
{
	struct revocation revocation;

	for (size_t i = 0; entries && i < entries->elements; i++) {
		const redisReply *fields = fields_of(entries->element[i]);

		if (!fields || !understand(fields, &revocation))
			continue;
		names_innocent |= revocation.is_user ? revocation.user_id == innocent.user_id
						     : memcmp(revocation.jti, innocent.jti, JWT_JTI_BYTES) == 0;
	}
}

/* The follower goes on behind the last entry, so it has applied all of them. */
static void note_applied(const redisReply *entries)
{
	for (size_t i = 0; i < entries->elements && known_count < KNOWN_MAX; i++)
		known_count += understand(fields_of(entries->element[i]), &known[known_count]);
}

/* A token that the revocation ends: the last one that it ends, for a user. */
static struct jwt_claims ended_by(const struct revocation *revocation)
{
	struct jwt_claims claims = {.user_id = revocation->user_id};

	if (revocation->is_user)
		for (int i = 0; i < 6; i++)
			claims.jti[i] = (uint8_t)(revocation->until_ms >> (40 - 8 * i));
	else
		memcpy(claims.jti, revocation->jti, JWT_JTI_BYTES);
	return claims;
}

static void check_copy(const struct revocations *revocations)
{
	for (size_t i = 0; i < known_count && revocations_is_ready(revocations); i++) {
		struct jwt_claims claims = ended_by(&known[i]);

		if (known[i].is_user && (known[i].until_ms < 0 || known[i].until_ms >> 48 != 0))
			continue;
		require(revocations_check(revocations, &claims) != REVOCATION_NONE);
	}
	if (!names_innocent)
		require(revocations_check(revocations, &innocent) == REVOCATION_NONE || !revocations_is_ready(revocations));
	if (!revocations_is_ready(revocations))
		require(revocations_check(revocations, &innocent) == REVOCATION_UNKNOWN);
}

/* ---- a follower ---- */

static long long joined_ms; /* the lease that was granted on this connection, since it began to read; -1: none */

/* The lease of a reply that grants one; -1: it grants none. */
static long long granted_ms(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_INTEGER ||
	    reply->element[0]->integer != 1 || reply->element[1]->type != REDIS_REPLY_INTEGER)
		return -1;
	return reply->element[1]->integer <= LEASE_S * 1000 ? reply->element[1]->integer : -1;
}

static void run_reply(const redisReply *reply, enum status status)
{
	redis.is_pending = false;
	redis.done(status, reply, redis.arg);
}

static void lose_and_connect(void)
{
	bool was_pending = redis.is_pending;

	redis.changed(false, redis.changed_arg);
	if (was_pending)
		run_reply(NULL, STATUS_UNAVAILABLE);
	joined_ms = -1;
	redis.changed(true, redis.changed_arg);
	require(redis.is_pending && redis.asked == ASKED_READ && strcmp(redis.position, "0-0") == 0);
}

static bool is_before(const char *one, const char *other)
{
	struct revocations_position first, second;

	return revocations_position_parse(one, &first) == STATUS_OK &&
	       revocations_position_parse(other, &second) == STATUS_OK && revocations_position_is_before(first, second);
}

/* Did the follower take the entries? It then goes on behind the last of them. */
static void check_position(const char *before, const redisReply *entries)
{
	const redisReply *last = entries && entries->elements ? entries->element[entries->elements - 1] : NULL;

	if (!redis.is_pending || strcmp(redis.position, "0-0") == 0 || strcmp(redis.position, before) == 0)
		return;
	require(is_before(before, redis.position) && last && strcmp(last->element[0]->str, redis.position) == 0);
	note_applied(entries);
}

static void answer(const struct revocations *revocations, const redisReply *reply)
{
	enum status status = reply->type == REDIS_REPLY_ERROR ? redis_error_of(reply->str)->status : STATUS_OK;
	bool was_trusted = revocations_is_ready(revocations), was_renewal = redis.asked == ASKED_RENEW;
	const redisReply *entries = redis.asked == ASKED_READ ? entries_of(reply) : NULL;
	char before[sizeof redis.position];

	strcpy(before, redis.position);
	note_names(entries);
	if (redis.asked == ASKED_JOIN)
		joined_ms = granted_ms(reply);
	run_reply(reply, status);
	check_position(before, entries);
	if (!was_trusted && revocations_is_ready(revocations))
		require(was_renewal && joined_ms >= 0 && granted_ms(reply) >= 0);
	if (was_renewal && joined_ms > LEAST_MS && granted_ms(reply) >= 0)
		require(revocations_is_ready(revocations));
	check_copy(revocations);
}

static void follow(redisReader *reader)
{
	static struct event_base *base;
	struct redis_config config = {0};
	struct revocations *revocations;
	void *reply;
	int resting;

	if (!base)
		base = loop_new();
	revocations =
		revocations_new(base, &config, &(struct revocations_config){.lease_s = LEASE_S, .lifetime_s = LIFETIME_S});
	resting = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
	lose_and_connect();
	for (int i = 0; i < COMMANDS_MAX && redisReaderGetReply(reader, &reply) == REDIS_OK && reply; i++) {
		const redisReply *error = ((redisReply *)reply)->type == REDIS_REPLY_ERROR ? reply : NULL;

		if (error && redis_error_of(error->str)->drops_connection)
			lose_and_connect();
		else
			answer(revocations, reply);
		freeReplyObject(reply);
		require(redis.is_pending || event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > resting);
		if (!redis.is_pending)
			lose_and_connect();
	}
	revocations_free(revocations);
}

/* ---- the table of followers ---- */

struct picture { /* of a table */
	char id[REVOCATIONS_TABLE_BYTES];
	size_t count;
	struct {
		char name[REVOCATIONS_NAME_BYTES];
		struct revocations_position position;
	} followers[KNOWN_MAX];
};

static struct picture look(const struct revocations_table *table)
{
	const struct revocations_follower *follower;
	struct picture picture = {0};

	strcpy(picture.id, table->id);
	LIST_FOREACH (follower, &table->followers, link) {
		require(strlen(follower->name) == REVOCATIONS_NAME_BYTES - 1);
		require(follower->lease_us >= 0);
		if (picture.count == KNOWN_MAX)
			break;
		strcpy(picture.followers[picture.count].name, follower->name);
		picture.followers[picture.count++].position = follower->position;
	}
	return picture;
}

static const struct revocations_follower *find(const struct revocations_table *table, const char *name)
{
	const struct revocations_follower *follower;

	LIST_FOREACH (follower, &table->followers, link)
		if (strcmp(follower->name, name) == 0)
			return follower;
	return NULL;
}

static bool is_follower(const char *text)
{
	return strlen(text) == REVOCATIONS_NAME_BYTES - 1 && text[strspn(text, "0123456789abcdef")] == '\0';
}

static void check_listed(const struct revocations_table *table, const redisReply *fields)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (is_follower(fields->element[i]->str))
			require(find(table, fields->element[i]->str));
}

static bool lists(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (strcmp(fields->element[i]->str, name) == 0)
			return true;
	return false;
}

static void check_not_listed(const struct revocations_table *table, const redisReply *fields)
{
	const struct revocations_follower *follower;

	LIST_FOREACH (follower, &table->followers, link)
		require(!follower->value || lists(fields, follower->name));
}

static void check_behind(const struct revocations_table *table, struct revocations_position position)
{
	const struct revocations_follower *follower;
	bool has = true;

	LIST_FOREACH (follower, &table->followers, link)
		has &= !revocations_position_is_before(follower->position, position);
	require(revocations_table_has(table, position) == (has && table->is_settled));
	require((revocations_table_behind(table, position) == NULL) == has);
}

static void check_positions(const struct revocations_table *table, const struct picture *before, bool is_unchanged)
{
	for (size_t i = 0; strcmp(table->id, before->id) == 0 && i < before->count; i++) {
		const struct revocations_follower *follower = find(table, before->followers[i].name);
		struct revocations_position was = before->followers[i].position;

		require(follower || !is_unchanged);
		require(!follower || !revocations_position_is_before(follower->position, was));
		if (is_unchanged)
			require(follower->position.ms == was.ms && follower->position.seq == was.seq);
		check_behind(table, was);
	}
}

static void keep_table(redisReader *reader)
{
	struct revocations_table table;
	int64_t now_us = 1000000;
	void *read;

	revocations_table_init(&table, LEASE_S * 1000000LL);
	for (int i = 0; i < COMMANDS_MAX && redisReaderGetReply(reader, &read) == REDIS_OK && read; i++, now_us += 1000) {
		struct picture before = look(&table);
		const redisReply *reply = read;
		bool is_text = reply->type == REDIS_REPLY_STRING, is_refused = false;

		if (is_text)
			revocations_table_hear(&table, reply->str, reply->len);
		else
			is_refused = revocations_table_read(&table, reply, now_us) != STATUS_OK;
		require(!is_refused || strcmp(before.id, table.id) == 0);
		check_positions(&table, &before, is_refused);
		if (!is_text && !is_refused) {
			check_listed(&table, reply);
			check_not_listed(&table, reply);
		}
		check_behind(&table, (struct revocations_position){INT64_MAX, INT64_MAX});
		freeReplyObject(read);
	}
	revocations_table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_table = take_byte(&data, &size) & 1;
	redisReader *reader = open_replies(data, size);

	if (!reader)
		return 0;
	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	memset(&redis, 0, sizeof redis);
	known_count = 0;
	names_innocent = false;
	joined_ms = -1;
	if (is_table)
		keep_table(reader);
	else
		follow(reader);
	redisReaderFree(reader);
	return 0;
}

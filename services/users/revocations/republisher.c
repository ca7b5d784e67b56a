/* Flow: look -> begun -> load_tokens -> tokens_loaded -> published … -> load_users -> users_loaded -> published … -> ended.
 * If Redis was emptied meanwhile, all of it runs again. */
#include "revocations/republisher.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/revocations.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "revocations/revoked_tokens.h"
#include "service.h"
#include "store/revocations.h"

#define PAGE 500
/* Short, because until all is published no token is accepted, and at a start Redis is often ready before Postgres. */
#define AGAIN_MS 500
#define NO_JTI "00000000-0000-0000-0000-000000000000"

struct republisher {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer, *again, *settling;
	bool is_running, was_connected;
	bool is_due;         /* even if the stream is complete */
	bool is_interrupted; /* the connection changed meanwhile: pages may have gone to another Redis */
	bool is_settling, is_wanted_again;
	int published;
	char epoch[REVOCATIONS_EPOCH_BYTES]; /* of revocations_republish_begin() */
	char last_jti[37];
	int64_t last_user;
	void (*load_next)(struct republisher *republisher); /* page */
};

static void begun(enum status status, const redisReply *reply, void *arg);
static void load_tokens(struct republisher *republisher);
static void tokens_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void load_users(struct republisher *republisher);
static void users_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void publish(struct republisher *republisher, const struct revocation *entries, int count);
static void published(enum status status, const redisReply *reply, void *arg);
static void ended(enum status status, const redisReply *reply, void *arg);
static void finish(struct republisher *republisher, bool is_complete);

static void look(void *arg)
{
	struct republisher *republisher = arg;

	if (republisher->is_running || !redis_is_ready(republisher->users->redis))
		return;
	republisher->is_running = true;
	republisher->is_interrupted = false;
	revocations_republish_begin(republisher->users->redis, &republisher->scope, republisher->users->revocations.lifetime_s,
				    begun, republisher);
}

static bool is_beginning(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_INTEGER &&
	       reply->element[1]->type == REDIS_REPLY_STRING;
}

static void begun(enum status status, const redisReply *reply, void *arg)
{
	struct republisher *republisher = arg;

	if (status != STATUS_OK || !is_beginning(reply) || (reply->element[0]->integer == 1 && !republisher->is_due)) {
		republisher->is_running = false;
		return;
	}
	snprintf(republisher->epoch, sizeof republisher->epoch, "%s", reply->element[1]->str);
	snprintf(republisher->last_jti, sizeof republisher->last_jti, "%s", NO_JTI);
	republisher->is_due = false;
	republisher->published = 0;
	republisher->last_user = 0;
	load_tokens(republisher);
}

static void load_tokens(struct republisher *republisher)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, republisher->last_jti);
	postgres_param_int(&params, PAGE);
	postgres_param_int(&params, clock_unix_ms() / 1000);
	postgres_exec(republisher->users->postgres, &republisher->scope, &store_revoked_tokens, &params, tokens_loaded,
		      republisher);
}

/* More rows than were asked for are no answer to this question. */
static bool is_page(enum status status, const struct postgres_rows *rows)
{
	return status == STATUS_OK && postgres_count(rows) <= PAGE;
}

/* The page after the last one is empty. */
static void tokens_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct republisher *republisher = arg;
	struct revocation entries[PAGE];
	int count;

	if (!is_page(status, rows))
		return finish(republisher, false);
	count = postgres_count(rows);
	if (count == 0)
		return load_users(republisher);
	snprintf(republisher->last_jti, sizeof republisher->last_jti, "%s",
		 postgres_text(rows, count - 1, COLUMN_REVOKED_TOKEN_JTI));
	republisher->load_next = load_tokens;
	publish(republisher, entries, revoked_tokens_read(rows, entries));
}

static void load_users(struct republisher *republisher)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, republisher->last_user);
	postgres_param_int(&params, PAGE);
	postgres_param_int(&params,
			   clock_unix_ms() - (republisher->users->config->auth.token_lifetime_s + REVOCATIONS_KEPT_S) * 1000);
	postgres_exec(republisher->users->postgres, &republisher->scope, &store_revoked_users, &params, users_loaded,
		      republisher);
}

static void users_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct republisher *republisher = arg;
	int64_t expires_s = revoked_tokens_end_s(republisher->users);
	struct revocation entries[PAGE];
	int count;

	if (!is_page(status, rows) || republisher->is_interrupted)
		return finish(republisher, false);
	count = postgres_count(rows);
	if (count == 0)
		return revocations_republish_end(republisher->users->redis, &republisher->scope, republisher->epoch,
						 &republisher->users->revocations, ended, republisher);
	for (int i = 0; i < count; i++)
		entries[i] = (struct revocation){.is_user = true,
						 .user_id = postgres_int(rows, i, COLUMN_REVOKED_USER_ID),
						 .until_ms = postgres_int(rows, i, COLUMN_REVOKED_USER_UNTIL_MS),
						 .is_inactive = postgres_bool(rows, i, COLUMN_REVOKED_USER_IS_INACTIVE),
						 .expires_s = expires_s};
	republisher->last_user = postgres_int(rows, count - 1, COLUMN_REVOKED_USER_ID);
	republisher->load_next = load_users;
	publish(republisher, entries, count);
}

static void publish(struct republisher *republisher, const struct revocation *entries, int count)
{
	republisher->published += count;
	revocations_publish(republisher->users->redis, &republisher->scope, entries, count,
			    republisher->users->config->auth.token_lifetime_s, published, republisher);
}

static void published(enum status status, const redisReply *reply, void *arg)
{
	struct republisher *republisher = arg;

	if (status == STATUS_OK)
		republisher->load_next(republisher);
	else
		finish(republisher, false);
}

static void ended(enum status status, const redisReply *reply, void *arg)
{
	struct republisher *republisher = arg;
	bool is_complete = status == STATUS_OK && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;

	if (is_complete)
		revocations_republished_for_legacy(republisher->users->redis, &republisher->scope);
	finish(republisher, is_complete);
}

static void finish(struct republisher *republisher, bool is_complete)
{
	republisher->is_running = false;
	if (!is_complete) {
		republisher->is_due = true;
		loop_timer_start(republisher->again, AGAIN_MS);
	}
	log_line(is_complete ? LOG_INFO : LOG_WARN,
		 is_complete ? "all revocations were published again" : "publishing all revocations again failed",
		 LOG_INT("published", republisher->published));
}

static void settle(struct republisher *republisher)
{
	republisher->is_settling = true;
	loop_timer_start(republisher->settling, postgres_settled_ms(&republisher->users->config->postgres));
}

/* By now no statement that was sent before settle() can still change a row. */
static void settled(void *arg)
{
	struct republisher *republisher = arg;

	republisher->is_settling = false;
	republisher->is_due = true;
	look(republisher);
	if (republisher->is_wanted_again)
		settle(republisher);
	republisher->is_wanted_again = false;
}

void republisher_want(struct republisher *republisher)
{
	if (republisher->is_settling)
		republisher->is_wanted_again = true;
	else
		settle(republisher);
}

/* What was published on the connection before may be lost: Redis may have restarted with an older file, or another server has
 * taken over. On its first connection this process has published nothing, and a killed one's revocations wait for settled():
 * with a million of them, to publish all of them twice at a start would take a minute. */
static void redis_changed(bool is_ready, void *arg)
{
	struct republisher *republisher = arg;

	republisher->is_interrupted = true;
	republisher->is_due |= republisher->was_connected;
	republisher->was_connected = true;
	if (is_ready)
		look(republisher);
}

struct republisher *republisher_new(struct event_base *base, struct users *users)
{
	struct republisher *republisher = mem_alloc(sizeof *republisher);

	republisher->users = users;
	scope_init(&republisher->scope);
	republisher->timer = loop_every(base, users->config->repair_s * 1000, look, republisher);
	republisher->again = loop_timer_new(base, look, republisher);
	republisher->settling = loop_timer_new(base, settled, republisher);
	settle(republisher);
	redis_on_change(users->redis, redis_changed, republisher);
	revocations_publisher_on_table(users->publisher, look, republisher); /* Redis may have been emptied */
	return republisher;
}

void republisher_free(struct republisher *republisher)
{
	scope_cancel(&republisher->scope);
	loop_timer_free(republisher->timer);
	loop_timer_free(republisher->again);
	loop_timer_free(republisher->settling);
	free(republisher);
}

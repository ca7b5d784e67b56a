/* Redis may be emptied at any moment, and with it the stream from which the other services know which tokens are dead. On every
 * connection to Redis and every REPAIR_SECONDS: if it was emptied, all that still matters is told again from Postgres, page by
 * page. So it is once after every start, for a process that was killed may have written what it did not come to tell.
 * Flow: look -> begun -> tokens_loaded … -> users_loaded … -> ended; from the beginning once more if Redis was emptied
 * meanwhile. */
#include "service.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "store.h"

#define PAGE 500
#define AGAIN_MS 500 /* at a start Redis is often there before Postgres, and nobody's token is good until all is told */
#define NO_JTI "00000000-0000-0000-0000-000000000000"

struct republisher {
	struct users *users;
	struct scope scope;
	struct event *timer, *again, *started;
	bool is_running;
	bool is_due; /* whatever Redis says */
	int told;
	char mark[REVOCATIONS_MARK_BYTES]; /* of the beginning */
	char last_jti[37];
	int64_t last_user;
	void (*next)(struct republisher *republisher); /* page */
};

static void load_tokens(struct republisher *republisher);
static void load_users(struct republisher *republisher);

static void finish(struct republisher *republisher, bool is_complete)
{
	republisher->is_running = false;
	if (!is_complete) {
		republisher->is_due = true;
		event_add(republisher->again, &(struct timeval){.tv_usec = AGAIN_MS * 1000});
	}
	log_line(is_complete ? LOG_INFO : LOG_WARN,
		 is_complete ? "revocations were told again" : "telling the revocations again failed",
		 LOG_INT("told", republisher->told));
}

static void told(enum status status, const redisReply *reply, void *arg)
{
	struct republisher *republisher = arg;

	if (status == STATUS_OK)
		republisher->next(republisher);
	else
		finish(republisher, false);
}

static void tell(struct republisher *republisher, const struct revocation *entries, int count)
{
	republisher->told += count;
	revocations_publish(republisher->users->redis, &republisher->scope, entries, count,
			    republisher->users->config->auth.token_lifetime_s, told, republisher);
}

static void ended(enum status status, const redisReply *reply, void *arg)
{
	finish(arg, status == STATUS_OK && reply->integer == 1);
}

/* The last page is empty. */
static void users_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct republisher *republisher = arg;
	int64_t expires_s = clock_unix_ms() / 1000 + republisher->users->config->auth.token_lifetime_s;
	struct revocation entries[PAGE];
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	if (status != STATUS_OK)
		return finish(republisher, false);
	if (count == 0) {
		revocations_end(republisher->users->redis, &republisher->scope, republisher->mark, ended, republisher);
		return;
	}
	for (int i = 0; i < count; i++)
		entries[i] = (struct revocation){.is_user = true,
						 .user_id = postgres_int(rows, i, 0),
						 .until_ms = postgres_int(rows, i, 1),
						 .is_inactive = postgres_bool(rows, i, 2),
						 .expires_s = expires_s};
	republisher->last_user = entries[count - 1].user_id;
	republisher->next = load_users;
	tell(republisher, entries, count);
}

static void load_users(struct republisher *republisher)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, republisher->last_user);
	postgres_param_int(&params, PAGE);
	postgres_param_int(&params, clock_unix_ms() - republisher->users->config->auth.token_lifetime_s * 1000);
	postgres_exec(republisher->users->postgres, &republisher->scope, &store_revoked_users, &params, users_loaded,
		      republisher);
}

static void tokens_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct republisher *republisher = arg;
	struct revocation entries[PAGE];
	int count = status == STATUS_OK ? postgres_count(rows) : 0, kept = 0;

	if (status != STATUS_OK)
		return finish(republisher, false);
	if (count == 0)
		return load_users(republisher);
	for (int i = 0; i < count; i++) {
		entries[kept] =
			(struct revocation){.is_inactive = postgres_bool(rows, i, 1), .expires_s = postgres_int(rows, i, 2)};
		if (jwt_jti_parse(postgres_text(rows, i, 0), entries[kept].jti) == STATUS_OK)
			kept++;
	}
	strcpy(republisher->last_jti, postgres_text(rows, count - 1, 0));
	republisher->next = load_tokens;
	tell(republisher, entries, kept);
}

static void load_tokens(struct republisher *republisher)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, republisher->last_jti);
	postgres_param_int(&params, PAGE);
	postgres_exec(republisher->users->postgres, &republisher->scope, &store_revoked_tokens, &params, tokens_loaded,
		      republisher);
}

static void begun(enum status status, const redisReply *reply, void *arg)
{
	struct republisher *republisher = arg;

	if (status != STATUS_OK || (reply->element[0]->integer == 1 && !republisher->is_due)) {
		republisher->is_running = false;
		return;
	}
	snprintf(republisher->mark, sizeof republisher->mark, "%s", reply->element[1]->str);
	republisher->is_due = false;
	republisher->told = 0;
	republisher->last_user = 0;
	strcpy(republisher->last_jti, NO_JTI);
	load_tokens(republisher);
}

static void look(struct republisher *republisher)
{
	if (republisher->is_running || !redis_is_ready(republisher->users->redis))
		return;
	republisher->is_running = true;
	revocations_begin(republisher->users->redis, &republisher->scope, begun, republisher);
}

static void due(evutil_socket_t fd, short what, void *arg)
{
	look(arg);
}

/* By now no statement of a process that was killed before this one started can change a row. */
static void started(evutil_socket_t fd, short what, void *arg)
{
	struct republisher *republisher = arg;

	republisher->is_due = true;
	look(republisher);
}

static void redis_changed(bool is_ready, void *arg)
{
	if (is_ready)
		look(arg);
}

struct republisher *republisher_new(struct event_base *base, struct users *users)
{
	struct republisher *republisher = mem_alloc(sizeof *republisher);
	long settled_ms = postgres_settled_ms(&users->config->postgres);

	republisher->users = users;
	scope_init(&republisher->scope);
	republisher->timer = event_new(base, -1, EV_PERSIST, due, republisher);
	republisher->again = event_new(base, -1, 0, due, republisher);
	republisher->started = event_new(base, -1, 0, started, republisher);
	event_priority_set(republisher->timer, LOOP_PRIORITY_NORMAL);
	event_priority_set(republisher->again, LOOP_PRIORITY_NORMAL);
	event_priority_set(republisher->started, LOOP_PRIORITY_NORMAL);
	event_add(republisher->timer, &(struct timeval){.tv_sec = users->config->repair_s});
	event_add(republisher->started, &(struct timeval){settled_ms / 1000, settled_ms % 1000 * 1000});
	redis_on_change(users->redis, redis_changed, republisher);
	return republisher;
}

void republisher_free(struct republisher *republisher)
{
	scope_cancel(&republisher->scope);
	event_free(republisher->timer);
	event_free(republisher->again);
	event_free(republisher->started);
	free(republisher);
}

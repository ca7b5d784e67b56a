/* One statement at a time, each with some hundred rows and a pause after it, so that pruning a million rows is not noticed.
 * Flow: due -> (a deleted user waits: prune_next_user -> user_pruned) or (prune_old -> old_pruned) -> due. */
#include "prune.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "cancellations.h"
#include "service.h"
#include "store.h"

#define BATCH_ROWS 500
#define PAUSE_MS 20
#define AGAIN_MS 1000    /* when Postgres refused */
#define REST_MS 60000    /* when nothing is left */
#define SETTLED_MS 20000 /* a submission whose token was good is stored by then: longer than a request and a statement take */
#define DAY_MS INT64_C(86400000)

struct deleted_user {
	int64_t user_id;
	int64_t due_us; /* not before that */
	bool is_last;
	STAILQ_ENTRY(deleted_user) link;
};

struct prune {
	struct values *values;
	struct scope scope;
	struct loop_timer *timer;
	bool is_running;
	int64_t after_id;          /* older ones were pruned; spares Postgres their dead rows */
	struct deleted_user *user; /* whose submissions are being deleted */
	STAILQ_HEAD(, deleted_user) users;
};

static struct metric *pruned_total;

static void due(void *arg);
static void prune_next_user(struct prune *prune);
static void user_pruned(enum status status, const struct postgres_rows *rows, void *arg);
static void prune_old(struct prune *prune);
static void old_pruned(enum status status, const struct postgres_rows *rows, void *arg);

void prune_register_metrics(void)
{
	pruned_total =
		metrics_counter("values_pruned_total", NULL, "Submissions deleted because of their age or their user's end.");
}

static void wait_for(struct prune *prune, long ms)
{
	prune->is_running = false;
	loop_timer_start(prune->timer, ms);
}

void prune_user(struct prune *prune, int64_t user_id)
{
	struct deleted_user *user = mem_alloc(sizeof *user);

	user->user_id = user_id;
	STAILQ_INSERT_HEAD(&prune->users, user, link);
	if (!prune->is_running)
		loop_timer_start(prune->timer, 0);
}

/* Users that wait for their second time are behind all others, in the order of their times. */
static void due(void *arg)
{
	struct prune *prune = arg;
	struct deleted_user *user = STAILQ_FIRST(&prune->users);

	prune->is_running = true;
	if (user && user->due_us <= clock_monotonic_us())
		prune_next_user(prune);
	else
		prune_old(prune);
}

static void prune_next_user(struct prune *prune)
{
	struct postgres_params params = {0};

	prune->user = STAILQ_FIRST(&prune->users);
	STAILQ_REMOVE_HEAD(&prune->users, link);
	postgres_param_int(&params, prune->user->user_id);
	postgres_param_int(&params, BATCH_ROWS);
	postgres_exec(prune->values->postgres, &prune->scope, &store_values_delete_of_user, &params, user_pruned, prune);
}

static void user_pruned(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct prune *prune = arg;
	struct deleted_user *user = prune->user;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	prune->user = NULL;
	metrics_add(pruned_total, count);
	if (count > 0)
		cancellations_add(prune->values, rows);
	if (status != STATUS_OK || count > 0) {
		STAILQ_INSERT_HEAD(&prune->users, user, link);
	} else if (!user->is_last) {
		user->due_us = clock_monotonic_us() + SETTLED_MS * 1000;
		user->is_last = true;
		STAILQ_INSERT_TAIL(&prune->users, user, link);
	} else {
		free(user);
	}
	wait_for(prune, status == STATUS_OK ? PAUSE_MS : AGAIN_MS);
}

/* How long to rest: until the next user is due, if that is sooner. */
static long rest_ms(const struct prune *prune)
{
	const struct deleted_user *user = STAILQ_FIRST(&prune->users);
	int64_t ms = user ? (user->due_us - clock_monotonic_us()) / 1000 + 1 : REST_MS;

	return ms < PAUSE_MS ? PAUSE_MS : ms > REST_MS ? REST_MS : (long)ms;
}

static void prune_old(struct prune *prune)
{
	struct postgres_params params = {0};
	long days = prune->values->config->retention_days;

	if (days == 0)
		return wait_for(prune, rest_ms(prune));
	postgres_param_int(&params, clock_unix_ms() - days * DAY_MS);
	postgres_param_int(&params, prune->after_id);
	postgres_param_int(&params, BATCH_ROWS);
	postgres_exec(prune->values->postgres, &prune->scope, &store_values_delete_old, &params, old_pruned, prune);
}

static void old_pruned(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct prune *prune = arg;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	for (int i = 0; i < count; i++)
		if (postgres_int(rows, i, COLUMN_DELETED_ID) > prune->after_id)
			prune->after_id = postgres_int(rows, i, COLUMN_DELETED_ID);
	metrics_add(pruned_total, count);
	if (count > 0)
		cancellations_add(prune->values, rows);
	wait_for(prune, count ? PAUSE_MS : rest_ms(prune));
}

struct prune *prune_new(struct event_base *base, struct values *values)
{
	struct prune *prune = mem_alloc(sizeof *prune);

	prune->values = values;
	scope_init(&prune->scope);
	STAILQ_INIT(&prune->users);
	prune->after_id = INT64_MIN;
	prune->timer = loop_timer_new(base, due, prune);
	loop_timer_start(prune->timer, PAUSE_MS);
	return prune;
}

void prune_free(struct prune *prune)
{
	scope_cancel(&prune->scope);
	loop_timer_free(prune->timer);
	free(prune->user);
	while (!STAILQ_EMPTY(&prune->users)) {
		struct deleted_user *user = STAILQ_FIRST(&prune->users);

		STAILQ_REMOVE_HEAD(&prune->users, link);
		free(user);
	}
	free(prune);
}

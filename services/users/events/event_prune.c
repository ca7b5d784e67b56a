/* Flow: look -> pruned -> (the timer) -> look … until a batch has nothing old, and again after SESSIONS_PRUNE_SECONDS. */
#include "events/event_prune.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "service.h"
#include "store/events.h"

#define BATCH 500
#define NEXT_BATCH_MS 100 /* so that pruning takes no more than a small share of Postgres */

struct event_prune {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer;
};

static void pruned(enum status status, const struct postgres_rows *rows, void *arg);

static void look(void *arg)
{
	struct event_prune *prune = arg;
	struct postgres_params params = {0};

	postgres_param_int(&params, BATCH);
	postgres_param_int(&params, prune->users->config->events_retention_days);
	postgres_param_int(&params, clock_unix_ms() / 1000);
	postgres_exec(prune->users->postgres, &prune->scope, &store_events_prune, &params, pruned, prune);
}

static void pruned(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct event_prune *prune = arg;
	bool has_more = status == STATUS_OK && postgres_affected(rows) > 0;

	loop_timer_start(prune->timer, has_more ? NEXT_BATCH_MS : prune->users->config->session.prune_s * 1000);
}

struct event_prune *event_prune_new(struct event_base *base, struct users *users, int process)
{
	struct event_prune *prune;

	if (process != 0)
		return NULL;
	prune = mem_alloc(sizeof *prune);
	prune->users = users;
	scope_init(&prune->scope);
	prune->timer = loop_timer_new(base, look, prune);
	loop_timer_start(prune->timer, users->config->session.prune_s * 1000);
	return prune;
}

void event_prune_free(struct event_prune *prune)
{
	if (!prune)
		return;
	scope_cancel(&prune->scope);
	loop_timer_free(prune->timer);
	free(prune);
}

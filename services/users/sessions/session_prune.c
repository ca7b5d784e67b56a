/* Flow: look -> pruned -> (the timer) -> look … until the page after the last one, and again after SESSIONS_PRUNE_SECONDS. */
#include "sessions/session_prune.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "service.h"
#include "store/sessions.h"

#define PAGE 500
#define NEXT_PAGE_MS 100 /* so that pruning takes no more than a small share of Postgres */
#define NO_ID "00000000-0000-0000-0000-000000000000"

struct session_prune {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer;
	char last_id[37];
};

static void look(void *arg);
static void pruned(enum status status, const struct postgres_rows *rows, void *arg);

static void look(void *arg)
{
	struct session_prune *prune = arg;
	const struct session_config *config = &prune->users->config->session;
	struct postgres_params params = {0};

	postgres_param_text(&params, prune->last_id);
	postgres_param_int(&params, PAGE);
	postgres_param_int(&params, config->max_s);
	postgres_param_int(&params, config->unremembered_s);
	postgres_param_int(&params, config->idle_s);
	postgres_param_int(&params, clock_unix_ms() / 1000);
	postgres_exec(prune->users->postgres, &prune->scope, &store_sessions_prune, &params, pruned, prune);
}

static void pruned(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct session_prune *prune = arg;
	bool has_more = status == STATUS_OK && postgres_count(rows) > 0;

	snprintf(prune->last_id, sizeof prune->last_id, "%s", has_more ? postgres_text(rows, 0, COLUMN_PRUNED_LAST_ID) : NO_ID);
	loop_timer_start(prune->timer, has_more ? NEXT_PAGE_MS : prune->users->config->session.prune_s * 1000);
}

struct session_prune *session_prune_new(struct event_base *base, struct users *users)
{
	struct session_prune *prune = mem_alloc(sizeof *prune);

	prune->users = users;
	scope_init(&prune->scope);
	snprintf(prune->last_id, sizeof prune->last_id, "%s", NO_ID);
	prune->timer = loop_timer_new(base, look, prune);
	loop_timer_start(prune->timer, users->config->session.prune_s * 1000);
	return prune;
}

void session_prune_free(struct session_prune *prune)
{
	scope_cancel(&prune->scope);
	loop_timer_free(prune->timer);
	free(prune);
}

/* Flow: due -> claimed -> counted. */
#include "backlog.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "service.h"
#include "store.h"

#define EVERY_MS 5000
#define RIGHT_MS 4500 /* over before the next time, whichever process is first then */
#define KEEP_MS 15000

struct backlog {
	struct values *values;
	struct scope scope;
	struct loop_timer *timer;
	bool is_counting;
};

static void counted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct backlog *backlog = arg;

	backlog->is_counting = false;
	if (status == STATUS_OK && postgres_count(rows) == 1)
		jobs_backlog_keep(backlog->values->redis, &backlog->scope, postgres_int(rows, 0, COLUMN_PENDING_COUNT),
				  KEEP_MS);
}

static void claimed(enum status status, bool is_mine, void *arg)
{
	struct backlog *backlog = arg;
	struct postgres_params params = {0};

	if (!is_mine) {
		backlog->is_counting = false;
		return;
	}
	postgres_exec(backlog->values->postgres, &backlog->scope, &store_calculations_pending, &params, counted, backlog);
}

static void due(void *arg)
{
	struct backlog *backlog = arg;
	struct values *values = backlog->values;

	if (backlog->is_counting || !redis_is_ready(values->redis) || !postgres_is_ready(values->postgres))
		return;
	backlog->is_counting = true;
	jobs_backlog_claim(values->redis, &backlog->scope, log_instance(), RIGHT_MS, claimed, backlog);
}

struct backlog *backlog_new(struct event_base *base, struct values *values)
{
	struct backlog *backlog = mem_alloc(sizeof *backlog);

	backlog->values = values;
	scope_init(&backlog->scope);
	backlog->timer = loop_every(base, EVERY_MS, due, backlog);
	return backlog;
}

void backlog_free(struct backlog *backlog)
{
	scope_cancel(&backlog->scope);
	loop_timer_free(backlog->timer);
	free(backlog);
}

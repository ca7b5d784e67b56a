/* A sweep goes through all calculations that were ever asked for, one page at a time. One atomic step adds the missing jobs of
 * a page, and the next page is loaded only after that, so that a sweep never crowds out requests. Flow: sweep -> load_page ->
 * page_loaded -> page_repaired -> load_page … -> finish. */
#include "repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "service.h"
#include "store.h"

#define SOON_MS 200

struct repair {
	struct values *values;
	struct scope scope;
	struct loop_timer *timer, *soon;
	bool is_running, is_due; /* due: a sweep could not run, or was not completed */
	char last_kind[32];
	int64_t last_index;
	int added;
};

static struct metric *repaired_total;

static void load_page(struct repair *repair);
static void page_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void page_repaired(enum status status, int added, void *arg);
static void finish(struct repair *repair, bool is_complete);

void repair_register_metrics(void)
{
	repaired_total = metrics_counter("values_repaired_total", NULL, "Jobs put back because Redis had lost them.");
}

/* ---- a sweep ---- */

static void sweep(void *arg)
{
	struct repair *repair = arg;

	if (repair->is_running || !redis_is_ready(repair->values->redis) || !postgres_is_ready(repair->values->postgres)) {
		repair->is_due = true;
		return;
	}
	repair->is_running = true;
	repair->is_due = false;
	repair->added = 0;
	repair->last_kind[0] = '\0';
	repair->last_index = -1;
	load_page(repair);
}

static void load_page(struct repair *repair)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, repair->last_kind);
	postgres_param_int(&params, repair->last_index);
	postgres_param_int(&params, JOBS_BATCH_MAX);
	postgres_exec(repair->values->postgres, &repair->scope, &store_calculations_page, &params, page_loaded, repair);
}

/* The page after the last one is empty. */
static void page_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct repair *repair = arg;
	struct job_key keys[JOBS_BATCH_MAX];
	int count = status == STATUS_OK ? postgres_count(rows) : 0, n = 0;

	if (count == 0)
		return finish(repair, status == STATUS_OK);
	for (int i = 0; i < count; i++) {
		keys[n].index = postgres_int(rows, i, COLUMN_CALCULATION_INDEX);
		if (kind_parse(postgres_text(rows, i, COLUMN_CALCULATION_KIND), &keys[n].kind) == 0)
			n++;
	}
	strncpy(repair->last_kind, postgres_text(rows, count - 1, COLUMN_CALCULATION_KIND), sizeof repair->last_kind - 1);
	repair->last_index = postgres_int(rows, count - 1, COLUMN_CALCULATION_INDEX);
	jobs_repair(repair->values->redis, &repair->scope, keys, n, page_repaired, repair);
}

static void page_repaired(enum status status, int added, void *arg)
{
	struct repair *repair = arg;

	if (status != STATUS_OK)
		return finish(repair, false);
	repair->added += added;
	metrics_add(repaired_total, added);
	load_page(repair);
}

static void finish(struct repair *repair, bool is_complete)
{
	repair->is_running = false;
	if (!is_complete)
		repair->is_due = true;
	if (repair->added)
		log_line(LOG_WARN, "jobs that Redis had lost were put back", LOG_INT("jobs", repair->added));
}

/* ---- without a sweep ---- */

static void keys_repaired(enum status status, int added, void *arg)
{
	struct repair *repair = arg;

	if (status != STATUS_OK)
		repair->is_due = true;
	metrics_add(repaired_total, added);
}

void repair_now(struct repair *repair, const struct job_key *keys, int n)
{
	if (n > 0)
		jobs_repair(repair->values->redis, &repair->scope, keys, n, keys_repaired, repair);
}

void repair_soon(struct repair *repair)
{
	repair->is_due = true;
}

/* ---- when ---- */

static void sweep_if_due(void *arg)
{
	struct repair *repair = arg;

	if (repair->is_due && !repair->is_running)
		sweep(repair);
}

static void redis_changed(bool is_ready, void *arg)
{
	if (is_ready)
		sweep(arg);
}

struct repair *repair_new(struct event_base *base, struct values *values)
{
	struct repair *repair = mem_alloc(sizeof *repair);

	repair->values = values;
	repair->is_due = true;
	scope_init(&repair->scope);
	repair->timer = loop_every(base, values->config->repair_s * 1000, sweep, repair);
	repair->soon = loop_every(base, SOON_MS, sweep_if_due, repair);
	redis_on_change(values->redis, redis_changed, repair);
	return repair;
}

void repair_free(struct repair *repair)
{
	scope_cancel(&repair->scope);
	loop_timer_free(repair->timer);
	loop_timer_free(repair->soon);
	free(repair);
}

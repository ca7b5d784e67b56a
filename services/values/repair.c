/* Postgres is the truth, Redis may have lost anything. A sweep goes through all calculations that were ever asked for, a page
 * at a time, and has each page's missing jobs put back in one atomic step; the next page only after that, so that it never
 * crowds out requests. Flow: sweep -> page_loaded -> page_repaired -> the next page … -> swept. */
#include "service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "store.h"

struct repair {
	struct values *values;
	struct scope scope;
	struct event *timer, *soon;
	bool is_running, is_owed;
	char last_kind[32];
	int64_t last_index;
	int added;
};

static struct metric *repaired_total;

void repair_register_metrics(void)
{
	repaired_total = metrics_counter("values_repaired_total", NULL, "Jobs put back because Redis had lost them.");
}

static void load_page(struct repair *repair);

static void swept(struct repair *repair, bool is_complete)
{
	repair->is_running = false;
	if (!is_complete)
		repair->is_owed = true;
	if (repair->added)
		log_line(LOG_WARN, "jobs that Redis had lost were put back", LOG_INT("jobs", repair->added));
}

static void page_repaired(enum status status, int added, void *arg)
{
	struct repair *repair = arg;

	if (status != STATUS_OK)
		return swept(repair, false);
	repair->added += added;
	metrics_add(repaired_total, added);
	load_page(repair);
}

static void page_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct repair *repair = arg;
	struct job_key keys[JOBS_BATCH_MAX];
	int count = status == STATUS_OK ? postgres_count(rows) : 0, n = 0;

	if (count == 0)
		return swept(repair, status == STATUS_OK);
	for (int i = 0; i < count; i++) {
		keys[n].index = postgres_int(rows, i, 1);
		if (kind_parse(postgres_text(rows, i, 0), &keys[n].kind) == 0)
			n++;
	}
	strncpy(repair->last_kind, postgres_text(rows, count - 1, 0), sizeof repair->last_kind - 1);
	repair->last_index = postgres_int(rows, count - 1, 1);
	jobs_repair(repair->values->redis, &repair->scope, keys, n, page_repaired, repair);
}

static void load_page(struct repair *repair)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, repair->last_kind);
	postgres_param_int(&params, repair->last_index);
	postgres_param_int(&params, JOBS_BATCH_MAX);
	postgres_exec(repair->values->postgres, &repair->scope, &store_calculations_page, &params, page_loaded, repair);
}

static void sweep(struct repair *repair)
{
	if (repair->is_running) {
		repair->is_owed = true;
		return;
	}
	if (!redis_is_ready(repair->values->redis) || !postgres_is_ready(repair->values->postgres)) {
		repair->is_owed = true;
		return;
	}
	repair->is_running = true;
	repair->is_owed = false;
	repair->added = 0;
	repair->last_kind[0] = '\0';
	repair->last_index = -1;
	load_page(repair);
}

static void timer_due(evutil_socket_t fd, short what, void *arg)
{
	sweep(arg);
}

static void soon_due(evutil_socket_t fd, short what, void *arg)
{
	struct repair *repair = arg;

	if (repair->is_owed && !repair->is_running)
		sweep(repair);
}

static void redis_changed(bool is_ready, void *arg)
{
	if (is_ready)
		sweep(arg);
}

void repair_soon(struct repair *repair)
{
	repair->is_owed = true;
}

static void read_repaired(enum status status, int added, void *arg)
{
	struct repair *repair = arg;

	if (status != STATUS_OK)
		repair->is_owed = true;
	metrics_add(repaired_total, added);
}

void repair_now(struct repair *repair, const struct job_key *keys, int n)
{
	if (n > 0)
		jobs_repair(repair->values->redis, &repair->scope, keys, n, read_repaired, repair);
}

static struct event *every(struct event_base *base, struct repair *repair, long ms, void (*run)(evutil_socket_t, short, void *))
{
	struct event *event = event_new(base, -1, EV_PERSIST, run, repair);

	event_priority_set(event, LOOP_PRIORITY_NORMAL);
	event_add(event, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
	return event;
}

struct repair *repair_new(struct event_base *base, struct values *values)
{
	struct repair *repair = mem_alloc(sizeof *repair);

	repair->values = values;
	repair->is_owed = true;
	scope_init(&repair->scope);
	repair->timer = every(base, repair, values->config->repair_s * 1000, timer_due);
	repair->soon = every(base, repair, 200, soon_due);
	redis_on_change(values->redis, redis_changed, repair);
	return repair;
}

void repair_free(struct repair *repair)
{
	scope_cancel(&repair->scope);
	event_free(repair->timer);
	event_free(repair->soon);
	free(repair);
}

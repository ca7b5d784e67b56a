/* Flow of a round: look -> legacy_found -> begun -> (every REPAIR_SECONDS: looked -> (some are missing: restored ->)) -> for
 * each lane that it is about: (next_lane -> loaded -> next_batch …) -> end; each batch of what is pending is looked for among
 * the results of the version before 0016 if there are any (legacy_looked_up -> legacy_written), and the rest of it is added
 * (batch_added). */
#include "refill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "service.h"
#include "store.h"
#include "writer.h"

#define SOON_MS 50
#define REFILL_LEASE_MS 10000 /* much longer than a round */
#define MISSING_REST_MS 1000
/* A round loads of the large lane as many as it has, because those come first, and so many more. It learns how many fit: the
 * more it loads, the more a round costs, and those that do not fit are loaded again. */
#define LARGE_STEP_MIN 512

struct refill {
	struct values *values;
	struct scope scope;
	struct loop_timer *timer, *soon;
	bool is_running;
	bool is_due;                  /* even with little room, and even if another process has refilled a moment ago */
	bool has_backlog[JOBS_LANES]; /* more is pending than fitted, as far as this process knows */
	long large_step;
	bool sees_legacy;
	bool is_missing_due;  /* to look for submissions without a calculation */
	int64_t looked_to_id; /* up to here each has one */
	int64_t completed_us; /* when its last round ended */
	int64_t rests_until_us;
	unsigned attempt; /* rounds in a row that failed */
	/* of this round */
	bool was_due, is_whole, has_drained, is_full;
	bool left[JOBS_LANES];                 /* to do */
	enum jobs_waiting waiting[JOBS_LANES]; /* of those that it has completed */
	bool leaves_some;                      /* of this lane: more is pending than fitted */
	enum jobs_lane lane;
	int64_t large_count;
	struct job_key *keys; /* what is pending */
	struct jobs_refiller round;
	int count, at, added, added_to_lane;
	struct job_key batch[JOBS_BATCH_MAX];
	int batch_count;
	struct buf kinds, small_max; /* array literals */
};

static struct metric *refilled_total;

static void legacy_found(enum status status, bool exists, void *arg);
static void begun(enum status status, const struct jobs_refill_answer *answer, void *arg);
static void look_for_missing(struct refill *refill);
static void looked(enum status status, const struct postgres_rows *rows, void *arg);
static void restored(enum status status, const struct postgres_rows *rows, void *arg);
static void next_lane(struct refill *refill);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void next_batch(struct refill *refill);
static void legacy_looked_up(enum status status, const struct job_result *results, int n, void *arg);
static void legacy_written(enum status status, const struct postgres_rows *rows, void *arg);
static void add_batch(struct refill *refill);
static void batch_added(enum status status, int added, bool is_full, void *arg);
static void end_lane(struct refill *refill);
static void end(struct refill *refill, bool is_complete);

void refill_register_metrics(void)
{
	refilled_total =
		metrics_counter("values_refilled_total", NULL,
				"Jobs added because they had not fitted, or because Redis had lost them or their retry.");
}

void refill_soon(struct refill *refill)
{
	refill->is_due = true;
}

void refill_when_there_is_room(struct refill *refill, enum jobs_lane lane)
{
	refill->has_backlog[lane] = true;
}

static bool has_any_backlog(const struct refill *refill)
{
	return refill->has_backlog[JOBS_SMALL] || refill->has_backlog[JOBS_LARGE];
}

/* Readers may ask again and again for what did not fit. */
void refill_missing(struct refill *refill, enum jobs_lane lane)
{
	if (!refill->has_backlog[lane] && clock_monotonic_us() - refill->completed_us > MISSING_REST_MS * 1000)
		refill->is_due = true;
}

bool refill_sees_legacy(const struct refill *refill)
{
	return refill->sees_legacy;
}

/* ---- a round ---- */

/* A round that is not whole is about the lanes of which more is pending, once half of one is free; or it is open, and a few
 * were left to wait while a round before ran. */
static void look(struct refill *refill, bool is_whole)
{
	struct values *values = refill->values;

	if (refill->is_running || !redis_is_ready(values->redis) || !postgres_is_ready(values->postgres))
		return;
	refill->is_running = true;
	refill->was_due = refill->is_due;
	refill->is_due = false;
	refill->is_whole = is_whole || refill->was_due;
	jobs_legacy_exists(values->redis, &refill->scope, legacy_found, refill);
}

/* After a failure comes a pause that grows, because the next round would most likely fail as well: Redis may be full. */
static void rest(struct refill *refill)
{
	refill->rests_until_us = clock_monotonic_us() + loop_backoff_ms(refill->attempt++) * 1000;
}

static void give_up(struct refill *refill, enum status status)
{
	refill->is_running = false;
	refill->is_due |= refill->was_due;
	if (status != STATUS_OK)
		rest(refill);
}

static void legacy_found(enum status status, bool exists, void *arg)
{
	struct refill *refill = arg;
	struct jobs_refiller *round = &refill->round;

	if (status == STATUS_OK)
		refill->sees_legacy = exists;
	for (int lane = 0; lane < JOBS_LANES; lane++)
		round->wants[lane] = refill->is_whole || refill->has_backlog[lane];
	round->needs_half = !refill->is_whole;
	round->is_urgent = refill->was_due || !refill->is_whole;
	round->room = values_room(refill->values);
	round->round++;
	jobs_refill_begin(refill->values->redis, &refill->scope, round, begun, refill);
}

static void begun(enum status status, const struct jobs_refill_answer *answer, void *arg)
{
	struct refill *refill = arg;

	if (status != STATUS_OK || answer->verdict != JOBS_REFILL_BEGIN)
		return give_up(refill, status);
	refill->added = 0;
	refill->has_drained = false;
	memcpy(refill->left, answer->lanes, sizeof refill->left);
	memset(refill->waiting, 0, sizeof refill->waiting);
	refill->large_count = answer->large_count;
	if (refill->is_missing_due)
		look_for_missing(refill);
	else
		next_lane(refill);
}

/* A process of the version that knew no cancelling locks nothing. While both versions run, it may store a submission of a
 * calculation that is cancelled at the same moment. Without a calculation it would wait for ever. */
static void look_for_missing(struct refill *refill)
{
	struct postgres_params params = {0};

	refill->is_missing_due = false;
	postgres_param_int(&params, refill->looked_to_id);
	postgres_exec(refill->values->postgres, &refill->scope, &store_calculations_missing, &params, looked, refill);
}

/* Two statements, because the first only reads, and so waits for nothing. Without an answer the round goes on, because the jobs
 * matter more. */
static void looked(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refill *refill = arg;
	struct postgres_params params = {0};
	bool has_more;

	if (status != STATUS_OK || postgres_count(rows) != 1) {
		refill->is_missing_due = true;
		return next_lane(refill);
	}
	has_more = postgres_bool(rows, 0, COLUMN_MISSING_HAS_MORE);
	refill->is_missing_due = has_more;
	refill->is_due |= has_more;
	postgres_param_int(&params, refill->looked_to_id);
	if (!postgres_is_null(rows, 0, COLUMN_MISSING_LAST_ID))
		refill->looked_to_id = postgres_int(rows, 0, COLUMN_MISSING_LAST_ID);
	if (postgres_int(rows, 0, COLUMN_MISSING_COUNT) == 0)
		return next_lane(refill);
	log_line(LOG_WARN, "submissions without a calculation get one",
		 LOG_INT("submissions", postgres_int(rows, 0, COLUMN_MISSING_COUNT)));
	postgres_exec(refill->values->postgres, &refill->scope, &store_calculations_restore, &params, restored, refill);
}

/* If that failed, all are looked at again. */
static void restored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refill *refill = arg;

	if (status != STATUS_OK) {
		refill->looked_to_id = 0;
		refill->is_missing_due = true;
	}
	next_lane(refill);
}

static int64_t limit(const struct refill *refill)
{
	int64_t window = refill->values->config->window_jobs;

	if (refill->lane == JOBS_LARGE && refill->large_count < window - refill->large_step)
		return refill->large_count + refill->large_step;
	return window;
}

static void next_lane(struct refill *refill)
{
	struct postgres_params params = {0};
	int lane = JOBS_SMALL;

	while (lane < JOBS_LANES && !refill->left[lane])
		lane++;
	if (lane == JOBS_LANES)
		return end(refill, true);
	refill->lane = (enum jobs_lane)lane;
	refill->left[lane] = refill->is_full = refill->leaves_some = false;
	refill->has_backlog[lane] = false; /* what does not fit from now on may not be among what is loaded */
	refill->added_to_lane = 0;
	postgres_param_int(&params, limit(refill));
	postgres_param_text(&params, refill->kinds.bytes);
	postgres_param_text(&params, refill->small_max.bytes);
	postgres_param_bool(&params, lane == JOBS_LARGE);
	postgres_exec(refill->values->postgres, &refill->scope, &store_calculations_waiting, &params, loaded, refill);
}

/* Not what submissions left to wait meanwhile, which only has_backlog says. */
static void leave_some(struct refill *refill)
{
	refill->leaves_some = refill->has_backlog[refill->lane] = true;
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refill *refill = arg;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	if (status != STATUS_OK)
		return end(refill, false);
	free(refill->keys);
	refill->keys = mem_alloc(((size_t)count + 1) * sizeof *refill->keys);
	refill->count = refill->at = 0;
	/* As many as were asked for: more may wait, because what is in the window already is among them. */
	if (count >= limit(refill))
		leave_some(refill);
	for (int i = 0; i < count; i++) {
		struct job_key *key = &refill->keys[refill->count];

		if (postgres_bool(rows, i, COLUMN_WAITING_IS_LAST))
			leave_some(refill);
		key->index = postgres_int(rows, i, COLUMN_WAITING_INDEX);
		if (kind_parse(postgres_text(rows, i, COLUMN_WAITING_KIND), &key->kind) == 0)
			refill->count++;
	}
	next_batch(refill);
}

static void next_batch(struct refill *refill)
{
	int left = refill->count - refill->at;

	if (left == 0)
		return end_lane(refill);
	refill->batch_count = left < JOBS_BATCH_MAX ? left : JOBS_BATCH_MAX;
	memcpy(refill->batch, refill->keys + refill->at, (size_t)refill->batch_count * sizeof *refill->batch);
	refill->at += refill->batch_count;
	if (refill->sees_legacy)
		jobs_legacy_look_up(refill->values->redis, &refill->scope, refill->batch, refill->batch_count, legacy_looked_up,
				    refill);
	else
		add_batch(refill);
}

/* What is found is written, and the rest remains in the batch. */
static void legacy_looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct refill *refill = arg;
	struct job_result found[JOBS_BATCH_MAX];
	int found_count = 0;

	if (status != STATUS_OK)
		return end(refill, false);
	refill->batch_count = 0;
	for (int i = 0; i < n; i++)
		if (results[i].state == JOB_DONE)
			found[found_count++] = results[i];
		else
			refill->batch[refill->batch_count++] = results[i].key;
	if (found_count == 0)
		return add_batch(refill);
	refill->has_drained = true;
	writer_store(refill->values, &refill->scope, found, found_count, legacy_written, refill);
}

static void legacy_written(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refill *refill = arg;

	if (status != STATUS_OK)
		return end(refill, false);
	add_batch(refill);
}

static void add_batch(struct refill *refill)
{
	if (refill->batch_count == 0)
		return next_batch(refill);
	jobs_refill(refill->values->redis, &refill->scope, &refill->round, refill->batch, refill->batch_count, batch_added,
		    refill);
}

static void batch_added(enum status status, int added, bool is_full, void *arg)
{
	struct refill *refill = arg;

	refill->added += added;
	refill->added_to_lane += added;
	metrics_add(refilled_total, added);
	if (status != STATUS_OK)
		return end(refill, false);
	if (is_full) {
		leave_some(refill);
		refill->is_full = true;
		refill->at = refill->count;
	}
	next_batch(refill);
}

/* If all that was loaded fitted, the next round loads twice as many, and else twice as many as fitted. */
static void learn_step(struct refill *refill)
{
	if (refill->is_full)
		refill->large_step = 2L * refill->added_to_lane;
	else if (refill->leaves_some)
		refill->large_step *= 2;
	if (refill->large_step < LARGE_STEP_MIN)
		refill->large_step = LARGE_STEP_MIN;
	if (refill->large_step > refill->values->config->window_jobs)
		refill->large_step = refill->values->config->window_jobs;
}

static void end_lane(struct refill *refill)
{
	refill->waiting[refill->lane] = refill->leaves_some ? JOBS_WAITING_SOME : JOBS_WAITING_NONE;
	if (refill->lane == JOBS_LARGE)
		learn_step(refill);
	next_lane(refill);
}

/* After a round that found results of the version before, another follows, because Postgres may have more that are pending. */
static void end(struct refill *refill, bool is_complete)
{
	struct values *values = refill->values;

	refill->is_running = false;
	refill->is_due |= !is_complete || refill->has_drained;
	if (is_complete) {
		refill->completed_us = clock_monotonic_us();
		refill->attempt = 0;
	} else {
		rest(refill);
	}
	if (refill->sees_legacy && is_complete && refill->is_whole && !refill->has_drained && !has_any_backlog(refill))
		jobs_legacy_expire(values->redis, &refill->scope);
	jobs_refill_end(values->redis, &refill->scope, &refill->round,
			is_complete && refill->is_whole ? values->config->repair_s * 900 : 0, refill->waiting);
	free(refill->keys);
	refill->keys = NULL;
	if (refill->added)
		log_line(LOG_INFO, "jobs that were pending were added", LOG_INT("jobs", refill->added));
}

/* ---- when ---- */

static void look_due(void *arg)
{
	struct refill *refill = arg;

	refill->is_missing_due = true;
	look(refill, true);
}

static void look_soon(void *arg)
{
	struct refill *refill = arg;

	if ((refill->is_due || has_any_backlog(refill)) && clock_monotonic_us() >= refill->rests_until_us)
		look(refill, false);
}

static void redis_changed(bool is_ready, void *arg)
{
	struct refill *refill = arg;

	if (!is_ready)
		return;
	refill->rests_until_us = refill->attempt = 0;
	refill_soon(refill);
}

struct refill *refill_new(struct event_base *base, struct values *values)
{
	struct refill *refill = mem_alloc(sizeof *refill);

	refill->values = values;
	refill->is_due = refill->sees_legacy = true;
	refill->large_step = LARGE_STEP_MIN;
	refill->round = (struct jobs_refiller){.process = log_instance(), .lease_ms = REFILL_LEASE_MS};
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		buf_printf(&refill->kinds, "%c%s", kind ? ',' : '{', kind_name((enum kind)kind));
		buf_printf(&refill->small_max, "%c%" PRId64, kind ? ',' : '{', kind_small_max((enum kind)kind));
	}
	buf_text(&refill->kinds, "}");
	buf_text(&refill->small_max, "}");
	scope_init(&refill->scope);
	refill->timer = loop_every(base, values->config->repair_s * 1000, look_due, refill);
	refill->soon = loop_every(base, SOON_MS, look_soon, refill);
	redis_on_change(values->redis, redis_changed, refill);
	return refill;
}

void refill_free(struct refill *refill)
{
	scope_cancel(&refill->scope);
	loop_timer_free(refill->timer);
	loop_timer_free(refill->soon);
	buf_free(&refill->kinds);
	buf_free(&refill->small_max);
	free(refill->keys);
	free(refill);
}

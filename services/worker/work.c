/* The jobs that a worker holds, and its start and end. How a job passes through it: work_internal.h. */
#include "work_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "calculate.h"

#define COUNT_MS 2000
#define RESUME_MS 500
#define PRESENT_MS 5000 /* three times within JOBS_PRESENT_MS */

struct work_metrics work_metrics;

void work_register_metrics(void)
{
	static const char jobs[] = "worker_jobs_total", help[] = "Jobs ended, by kind and result.";
	struct work_metrics *metrics = &work_metrics;
	struct buf labels = {0};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		labels.len = 0;
		metrics_label(&labels, "kind", kind_name((enum kind)kind));
		buf_text(&labels, ",result=\"done\"");
		metrics->done_total[kind] = metrics_counter(jobs, labels.bytes, help);
	}
	buf_free(&labels);
	metrics->failed_total = metrics_counter(jobs, "kind=\"unknown\",result=\"failed\"", help);
	metrics->asked_total =
		metrics_counter("worker_decimals_total", NULL, "Decimals calculated again because a reader waited for them.");
	metrics->duration_seconds = metrics_histogram("worker_job_duration_seconds", NULL, "Time that a calculation took.");
	metrics->depth = metrics_gauge("worker_queue_depth", NULL, "Jobs queued or being calculated, by all workers.");
	metrics->oldest = metrics_gauge("worker_oldest_job_seconds", NULL, "Age of the oldest of them.");
	metrics->backlog =
		metrics_gauge("worker_backlog_jobs", NULL, "Pending calculations that wait in Postgres for room in the queue.");
	metrics->dead = metrics_gauge("worker_dead_jobs", NULL, "Dead letters.");
}

/* ---- held jobs ---- */

static bool is_large(const struct held *held)
{
	return !kind_is_small(held->job.key.kind, held->job.key.index);
}

void work_hold(struct work *work, struct held *held)
{
	LIST_INSERT_HEAD(&work->held, held, link);
	work->held_count++;
	if (!is_large(held))
		return;
	work->large_count++;
	work->large_us += kind_estimate_us(held->job.key.kind, held->job.key.index);
}

void work_release(struct work *work, struct held *held)
{
	LIST_REMOVE(held, link);
	work->held_count--;
	if (is_large(held)) {
		work->large_count--;
		work->large_us -= kind_estimate_us(held->job.key.kind, held->job.key.index);
	}
	work->unstored_bytes -= held->len;
	free(held->digits);
	free(held);
}

struct batch *work_new_batch(struct work *work)
{
	struct batch *batch = mem_alloc(sizeof *batch);

	batch->work = work;
	LIST_INSERT_HEAD(&work->batches, batch, link);
	return batch;
}

static void lane_in_batches(struct work *work, enum jobs_lane lane, bool (*selects)(const struct held *held),
			    void (*send)(struct batch *batch))
{
	struct batch *batch = NULL;
	struct held *held;

	LIST_FOREACH (held, &work->held, link) {
		if (held->job.lane != lane || !selects(held))
			continue;
		if (!batch)
			batch = work_new_batch(work);
		batch->held[batch->n++] = held;
		if (batch->n == JOBS_BATCH_MAX) {
			send(batch);
			batch = NULL;
		}
	}
	if (batch)
		send(batch);
}

void work_in_batches(struct work *work, bool (*selects)(const struct held *held), void (*send)(struct batch *batch))
{
	for (int lane = 0; lane < JOBS_LANES; lane++)
		lane_in_batches(work, (enum jobs_lane)lane, selects, send);
}

void work_free_batch(struct batch *batch)
{
	LIST_REMOVE(batch, link);
	free(batch);
}

void work_release_batch(struct batch *batch)
{
	for (int i = 0; i < batch->n; i++)
		work_release(batch->work, batch->held[i]);
	work_free_batch(batch);
}

/* ---- gauges of the queue ---- */

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	if (status != STATUS_OK)
		return;
	metrics_set(work_metrics.depth, (double)stats->depth);
	metrics_set(work_metrics.oldest, stats->oldest_s);
	metrics_set(work_metrics.dead, (double)stats->dead);
	if (stats->backlog >= 0)
		metrics_set(work_metrics.backlog, (double)stats->backlog);
}

static void count_due(void *arg)
{
	struct work *work = arg;

	if (redis_is_ready(work->redis))
		jobs_count(work->redis, &work->scope, counted, NULL);
}

/* ---- being there ---- */

static void noted(enum status status, void *arg)
{
}

long work_pace_percent(const struct work *work)
{
	int64_t percent = work->taken_us > work->estimated_us ? work->estimated_us * 100 / work->taken_us : 100;

	return percent > WORK_PACE_MIN ? (long)percent : WORK_PACE_MIN;
}

/* Each report halves the weight of all jobs before it. */
static void present(struct work *work, long threads)
{
	jobs_present(work->redis, &work->scope, work->consumer, threads, work_pace_percent(work), noted, NULL);
	work->taken_us /= 2;
	work->estimated_us /= 2;
}

static void present_due(void *arg)
{
	struct work *work = arg;

	if (redis_is_ready(work->redis) && !work->is_draining)
		present(work, work->config->threads);
}

/* ---- start and end ---- */

static void connection_changed(bool is_ready, void *arg)
{
	if (!is_ready)
		return;
	present_due(arg);
	receive_more(arg);
	asked_more(arg);
}

static void asking_changed(bool is_ready, void *arg)
{
	if (is_ready)
		asked_more(arg);
}

struct work *work_new(struct event_base *base, const struct worker_config *config, bool counts)
{
	struct work *work = mem_alloc(sizeof *work);

	work->config = config;
	work->started_us = clock_monotonic_us();
	snprintf(work->consumer, sizeof work->consumer, "%s", config->name ? config->name : log_instance());
	scope_init(&work->scope);
	scope_init(&work->pool_scope);
	scope_init(&work->asked_scope);
	LIST_INIT(&work->held);
	LIST_INIT(&work->batches);
	work->redis = redis_new(base, &config->redis, jobs_scripts, LOOP_PRIORITY_NORMAL);
	redis_on_change(work->redis, connection_changed, work);
	work->asking = redis_new(base, &config->redis, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(work->asking, asking_changed, work);
	receive_begin(work, base);
	work->pool = pool_new(base, (unsigned)config->threads, JOBS_BATCH_MAX + 4 * LARGE_MAX);
	work->finish = loop_deferred_new(base, finish_calculated, work);
	work->renew = loop_every(base, config->lease_s * 1000 / 3, leases_renew_due, work);
	work->take_over = loop_every(base, config->lease_s * 1000 / 2, leases_take_over_due, work);
	work->count = counts ? loop_every(base, COUNT_MS, count_due, work) : NULL;
	work->resume = loop_every(base, RESUME_MS, receive_resume_due, work);
	work->present = loop_every(base, PRESENT_MS, present_due, work);
	work->ask_pause = loop_timer_new(base, asked_pause_over, work);
	work->store_again = loop_timer_new(base, finish_again, work);
	return work;
}

bool work_is_ready(const struct work *work, const char **ret_reason)
{
	*ret_reason = work->refusal ? work->refusal : "redis";
	return redis_is_ready(work->redis) && receive_is_ready(work) && !work->refusal;
}

void work_check_drained(struct work *work)
{
	if (work->is_draining && receive_is_idle(work) && work->held_count == 0 && work->drained) {
		void (*drained)(void *arg) = work->drained;

		work->drained = NULL;
		drained(work->drained_arg);
	}
}

void work_drain(struct work *work, void (*drained)(void *arg), void *arg)
{
	work->is_draining = true;
	work->drained = drained;
	work->drained_arg = arg;
	receive_stop(work);
	present(work, 0);
	scope_cancel(&work->pool_scope);
	scope_cancel(&work->asked_scope); /* readers ask again */
	finish_calculated(work);
	leases_hand_back(work);
	work_check_drained(work);
}

void work_free(struct work *work)
{
	struct held *held;

	pool_free(work->pool);
	redis_free(work->redis);
	receive_end(work);
	redis_free(work->asking);
	loop_timer_free(work->renew);
	loop_timer_free(work->take_over);
	loop_timer_free(work->count);
	loop_timer_free(work->resume);
	loop_timer_free(work->present);
	loop_timer_free(work->ask_pause);
	loop_timer_free(work->store_again);
	loop_deferred_free(work->finish);
	while (!LIST_EMPTY(&work->batches))
		work_free_batch(LIST_FIRST(&work->batches));
	while ((held = LIST_FIRST(&work->held)))
		work_release(work, held);
	free(work);
}

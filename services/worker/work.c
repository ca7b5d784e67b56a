/* The worker's day: receive a batch, calculate the small ones at once and the large ones on the pool, store what is finished in
 * one step.
 *
 *   receive -> received -> take each: small -> calculated -> finished list -> store (one atomic step a turn)
 *                                     large -> pool -> calculated -> …
 *
 * The next batch is asked for as soon as the last has been taken, while its results are on their way to Redis. Jobs held longer
 * than a third of their lease are renewed; those of dead workers are looked for twice a lease. */
#include "work_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "calculate.h"

#define BLOCK_MS 5000
#define COUNT_MS 2000
#define RESUME_MS 500

static struct metric *done_total[KIND_COUNT], *failed_total, *duration_seconds, *depth, *oldest, *dead;

void work_register_metrics(void)
{
	struct buf labels = {0};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		labels.len = 0;
		metrics_label(&labels, "kind", kind_name((enum kind)kind));
		buf_text(&labels, ",result=\"done\"");
		done_total[kind] = metrics_counter("worker_jobs_total", labels.bytes, "Jobs ended, by kind and result.");
	}
	buf_free(&labels);
	failed_total =
		metrics_counter("worker_jobs_total", "kind=\"unknown\",result=\"failed\"", "Jobs ended, by kind and result.");
	duration_seconds = metrics_histogram("worker_job_duration_seconds", NULL, "Time that a calculation took.");
	depth = metrics_gauge("worker_queue_depth", NULL, "Jobs queued or being calculated, by all workers.");
	oldest = metrics_gauge("worker_oldest_job_seconds", NULL, "Age of the oldest of them.");
	dead = metrics_gauge("worker_dead_jobs", NULL, "Dead letters.");
}

static void receive(struct work *work);

void work_drop_held(struct work *work, struct held *held)
{
	LIST_REMOVE(held, link);
	work->held_count--;
	if (!calculation_is_small(held->job.key.kind, held->job.key.index))
		work->large_count--;
	free(held->digits);
	free(held);
}

void work_tell_when_drained(struct work *work)
{
	if (work->is_draining && !work->is_receiving && !work->is_taking_over && work->held_count == 0 && work->drained) {
		void (*drained)(void *arg) = work->drained;

		work->drained = NULL;
		drained(work->drained_arg);
	}
}

/* ---- storing ---- */

/* When storing failed the jobs are still pending in Redis: they come again when their lease has run out, or by repair. */
static void stored(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;

	if (status != STATUS_OK)
		log_line(LOG_WARN, "results could not be stored", LOG_INT("jobs", batch->n),
			 LOG_TEXT("status", status_name(status)));
	for (int i = 0; i < batch->n; i++) {
		if (status == STATUS_OK)
			metrics_add(done_total[batch->held[i]->job.key.kind], 1);
		work_drop_held(work, batch->held[i]);
	}
	free(batch);
	receive(work);
	work_tell_when_drained(work);
}

static void store_batch(struct work *work, struct batch *batch)
{
	struct job_finished finished[JOBS_BATCH_MAX];

	for (int i = 0; i < batch->n; i++) {
		struct held *held = batch->held[i];

		held->is_storing = true;
		finished[i] = (struct job_finished){&held->job, held->digits, held->len, held->duration_us};
	}
	jobs_finish(work->redis, &work->scope, finished, batch->n, stored, batch);
}

struct batch *work_batch_new(struct work *work)
{
	struct batch *batch = mem_alloc(sizeof *batch);

	batch->work = work;
	return batch;
}

/* All that was finished within one turn of the loop goes out together. */
static void store_finished(void *arg)
{
	struct work *work = arg;
	struct batch *batch = NULL;
	struct held *held;

	LIST_FOREACH (held, &work->held, link) {
		if (!held->digits || held->is_storing)
			continue;
		if (!batch)
			batch = work_batch_new(work);
		batch->held[batch->n++] = held;
		if (batch->n == JOBS_BATCH_MAX) {
			store_batch(work, batch);
			batch = NULL;
		}
	}
	if (batch)
		store_batch(work, batch);
}

/* ---- calculating ---- */

struct large { /* on the pool; holds no pointer into the loop's world */
	struct job_key key;
	char *digits;
	size_t len;
	int64_t duration_us;
	struct work *work;
};

static void calculate_large(void *arg)
{
	struct large *large = arg;
	int64_t start_us = clock_monotonic_us();
	mpz_t result;

	mpz_init(result);
	calculate(large->key.kind, large->key.index, result);
	large->digits = mpz_get_str(NULL, 10, result);
	large->len = strlen(large->digits);
	mpz_clear(result);
	large->duration_us = clock_monotonic_us() - start_us;
}

static void finished(struct work *work, struct held *held, char *digits, size_t len, int64_t duration_us)
{
	held->digits = digits;
	held->len = len;
	held->duration_us = duration_us;
	metrics_observe(duration_seconds, (double)duration_us / 1e6);
	loop_deferred_schedule(work->store);
}

static void large_done(enum status status, void *job, void *arg)
{
	struct large *large = job;
	struct held *held = arg;
	char *digits = large->digits;

	large->digits = NULL;
	if (status != STATUS_OK) { /* the pool's queue is as long as LARGE_MAX: this can not be */
		work_drop_held(large->work, held);
		return;
	}
	log_line(LOG_INFO, "calculated", LOG_TEXT("kind", kind_name(large->key.kind)), LOG_INT("index", large->key.index),
		 LOG_INT("duration_us", large->duration_us), LOG_TEXT("request_id", held->job.request_id));
	finished(large->work, held, digits, large->len, large->duration_us);
}

static void large_drop(void *job)
{
	free(((struct large *)job)->digits);
	free(job);
}

static void start_large(struct work *work, struct held *held)
{
	struct large *large = mem_alloc(sizeof *large);

	*large = (struct large){.key = held->job.key, .work = work};
	pool_submit(work->pool, &work->pool_scope, calculate_large, large_done, large_drop, large, held);
}

/* On the loop: one number and one buffer serve all. */
static void calculate_small(struct work *work, struct held *held)
{
	static mpz_t result;
	static bool is_initialized;
	int64_t start_us = clock_monotonic_us();
	char *digits;

	if (!is_initialized)
		mpz_init(result);
	is_initialized = true;
	calculate(held->job.key.kind, held->job.key.index, result);
	digits = mpz_get_str(mem_alloc(mpz_sizeinbase(result, 10) + 2), 10, result);
	finished(work, held, digits, strlen(digits), clock_monotonic_us() - start_us);
}

static void buried(enum status status, void *arg)
{
}

static void take(struct work *work, const struct job *job)
{
	bool is_small = job->key.index >= 0 && calculation_is_small(job->key.kind, job->key.index);
	struct held *held;

	if (job->key.index < 0) {
		log_line(LOG_WARN, "a job that can not be read is a dead letter now", LOG_TEXT("id", job->id));
		metrics_add(failed_total, 1);
		jobs_bury(work->redis, &work->scope, job, buried, NULL);
		return;
	}
	held = mem_alloc(sizeof *held);
	held->job = *job;
	LIST_INSERT_HEAD(&work->held, held, link);
	work->held_count++;
	work->large_count += !is_small;
	if (work->is_draining)
		return;
	if (is_small)
		calculate_small(work, held);
	else
		start_large(work, held);
}

void work_take(struct work *work, const struct job *jobs, int n)
{
	for (int i = 0; i < n; i++)
		take(work, &jobs[i]);
	if (work->is_draining)
		leases_release_waiting(work);
	work_tell_when_drained(work);
}

/* ---- receiving ---- */

static void received(enum status status, const struct job *jobs, int n, void *arg)
{
	struct work *work = arg;

	work->is_receiving = false;
	work_take(work, jobs, n);
	if (status == STATUS_OK)
		receive(work);
}

/* Beyond two batches in hand, or with enough large ones, others may have the jobs. */
static void receive(struct work *work)
{
	if (work->is_receiving || work->is_draining || !redis_is_ready(work->receiving) || !redis_is_ready(work->redis) ||
	    work->large_count >= LARGE_MAX || work->held_count - work->large_count >= 2 * work->config->batch)
		return;
	work->is_receiving = true;
	jobs_receive(work->receiving, &work->receive_scope, work->consumer, (int)work->config->batch, BLOCK_MS, received, work);
}

static void connection_changed(bool is_ready, void *arg)
{
	struct work *work = arg;

	if (is_ready)
		receive(work);
}

static void unblocked(enum status status, const redisReply *reply, void *arg)
{
	struct work *work = arg;

	if (status == STATUS_OK || !work->is_receiving)
		return;
	scope_cancel(&work->receive_scope); /* what is delivered now waits for its lease to run out */
	work->is_receiving = false;
	work_tell_when_drained(work);
}

/* Redis may be about to deliver, so it is told, and its answer waited for. */
static void stop_receiving(struct work *work)
{
	if (work->is_receiving)
		redis_unblock(work->redis, &work->scope, work->receiving, unblocked, work);
}

/* Unblocking came too early when the asking was still on its way. */
static void resume_due(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;

	if (work->is_draining)
		stop_receiving(work);
	else
		receive(work);
}

/* ---- gauges ---- */

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	if (status != STATUS_OK)
		return;
	metrics_set(depth, (double)stats->depth);
	metrics_set(oldest, stats->oldest_s);
	metrics_set(dead, (double)stats->dead);
}

static void count_due(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;

	if (redis_is_ready(work->redis))
		jobs_count(work->redis, &work->scope, counted, NULL);
}

/* ---- life ---- */

static struct event *every(struct event_base *base, struct work *work, long ms, void (*run)(evutil_socket_t, short, void *))
{
	struct event *event = event_new(base, -1, EV_PERSIST, run, work);

	event_priority_set(event, LOOP_PRIORITY_NORMAL);
	event_add(event, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
	return event;
}

struct work *work_new(struct event_base *base, const struct worker_config *config, bool counts)
{
	struct work *work = mem_alloc(sizeof *work);

	work->config = config;
	snprintf(work->consumer, sizeof work->consumer, "%s", config->name ? config->name : log_instance());
	scope_init(&work->scope);
	scope_init(&work->receive_scope);
	scope_init(&work->pool_scope);
	LIST_INIT(&work->held);
	work->redis = redis_new(base, &config->redis, jobs_scripts, LOOP_PRIORITY_NORMAL);
	work->receiving = redis_new(base, &config->redis, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(work->redis, connection_changed, work);
	redis_on_change(work->receiving, connection_changed, work);
	work->pool = pool_new(base, (unsigned)config->threads, JOBS_BATCH_MAX + 2 * LARGE_MAX);
	work->store = loop_deferred_new(base, store_finished, work);
	work->renew = every(base, work, config->lease_s * 1000 / 3, leases_renew_due);
	work->take_over = every(base, work, config->lease_s * 1000 / 2, leases_take_over_due);
	work->count = counts ? every(base, work, COUNT_MS, count_due) : NULL;
	work->resume = every(base, work, RESUME_MS, resume_due);
	return work;
}

bool work_is_ready(const struct work *work)
{
	return redis_is_ready(work->redis) && redis_is_ready(work->receiving);
}

void work_drain(struct work *work, void (*drained)(void *arg), void *arg)
{
	work->is_draining = true;
	work->drained = drained;
	work->drained_arg = arg;
	stop_receiving(work);
	scope_cancel(&work->pool_scope);
	leases_release_waiting(work);
	work_tell_when_drained(work);
}

void work_free(struct work *work)
{
	struct held *held;

	pool_free(work->pool);
	redis_free(work->redis);
	redis_free(work->receiving);
	event_free(work->renew);
	event_free(work->take_over);
	if (work->count)
		event_free(work->count);
	event_free(work->resume);
	loop_deferred_free(work->store);
	while ((held = LIST_FIRST(&work->held)))
		work_drop_held(work, held);
	free(work);
}

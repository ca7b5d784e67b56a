/* Storing results: those that were calculated within one turn of the loop go to Redis together. */
#include "base/log.h"
#include "base/metrics.h"
#include "work_internal.h"

/* ---- what Redis did not take ---- */

/* The worker keeps the results, and the leases on their jobs, and stores them later: if it gave them up, each delivery after
 * that would count as if a worker had died. */
static void keep(struct batch *batch)
{
	struct work *work = batch->work;

	for (int i = 0; i < batch->n; i++)
		batch->held[i]->is_leaving = false;
	work_free_batch(batch);
	if (!loop_timer_is_running(work->store_again))
		loop_timer_start(work->store_again, loop_backoff_ms(work->store_attempt++));
}

static void go_on(struct work *work)
{
	if (!work->is_overfull || work->unstored_bytes > (size_t)work->config->unstored_bytes_max / 2)
		return;
	log_line(LOG_INFO, "calculates again");
	work->is_overfull = false;
	run_resume(work);
}

static void count(const struct batch *batch)
{
	for (int i = 0; i < batch->n; i++) {
		metrics_add(work_metrics.done_total[batch->held[i]->job.key.kind], 1);
		spans_stored(batch->held[i]);
	}
}

static void took(struct batch *batch)
{
	struct work *work = batch->work;

	count(batch);
	work->store_attempt = 0;
	work_release_batch(batch);
	if (!work->is_draining)
		go_on(work);
}

static void stored(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;
	bool was_refused = work->refusal;

	if (status == STATUS_OK && was_refused) /* what waited for an attempt to succeed */
		loop_deferred_schedule(work->finish);
	work->refusal = status == STATUS_OK ? NULL : redis_refusal(work->redis);
	if (status != STATUS_OK)
		log_line(was_refused && work->refusal ? LOG_DEBUG : LOG_WARN, "results could not be stored",
			 LOG_INT("jobs", batch->n), LOG_TEXT("status", status_name(status)));
	if (status == STATUS_OK)
		took(batch);
	else if (work->is_draining)
		leases_hand_back_batch(batch);
	else
		keep(batch);
	receive_more(work);
	work_check_drained(work);
}

/* ---- storing ---- */

static void store(struct batch *batch)
{
	struct work *work = batch->work;
	struct job_finished finished[JOBS_BATCH_MAX];

	for (int i = 0; i < batch->n; i++) {
		struct held *held = batch->held[i];

		held->is_leaving = true;
		finished[i] = (struct job_finished){&held->job, held->digits, held->len, held->duration_us};
	}
	jobs_finish(work->redis, &work->scope, work->config->cache_s, finished, batch->n, stored, batch);
}

static bool is_finished(const struct held *held)
{
	return held->digits && !held->is_leaving;
}

/* While Redis refuses, one batch of one result is the attempt, because a refused decimal has been sent all the same. */
static void attempt(struct work *work)
{
	struct batch *batch;
	struct held *held;

	LIST_FOREACH (held, &work->held, link)
		if (is_finished(held))
			break;
	if (!held)
		return;
	batch = work_new_batch(work);
	batch->held[batch->n++] = held;
	store(batch);
}

void finish_calculated(void *arg)
{
	struct work *work = arg;

	if (!work->refusal)
		work_in_batches(work, is_finished, store);
}

void finish_again(void *arg)
{
	struct work *work = arg;

	if (work->refusal)
		attempt(work);
	else
		finish_calculated(work);
}

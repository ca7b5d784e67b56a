/* Storing results: those that were calculated within one turn of the loop go to Redis together. */
#include "base/log.h"
#include "base/metrics.h"
#include "work_internal.h"

#define UNSTORED_BYTES_MAX (64UL << 20)

/* What was calculated and not stored. */
static size_t unstored_bytes(const struct work *work)
{
	const struct held *held;
	size_t bytes = 0;

	LIST_FOREACH (held, &work->held, link)
		bytes += held->len;
	return bytes;
}

/* The worker keeps the results, and the leases on their jobs, and stores them later: if it gave them up, each delivery after
 * that would count as if a worker had died. What is too much, and what is left at the end, comes again when its lease has run
 * out. */
static void keep(struct batch *batch)
{
	struct work *work = batch->work;

	for (int i = 0; i < batch->n; i++)
		batch->held[i]->is_leaving = false;
	work_free_batch(batch);
	if (!loop_timer_is_running(work->store_again))
		loop_timer_start(work->store_again, loop_backoff_ms(work->store_attempt++));
}

static void count(const struct batch *batch)
{
	for (int i = 0; i < batch->n; i++)
		metrics_add(work_metrics.done_total[batch->held[i]->job.key.kind], 1);
	batch->work->store_attempt = 0;
}

static void stored(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;

	if (status == STATUS_OK)
		count(batch);
	else
		log_line(LOG_WARN, "results could not be stored", LOG_INT("jobs", batch->n),
			 LOG_TEXT("status", status_name(status)));
	if (status == STATUS_OK || work->is_draining || unstored_bytes(work) > UNSTORED_BYTES_MAX)
		work_release_batch(batch);
	else
		keep(batch);
	receive_more(work);
	work_check_drained(work);
}

static void store(struct batch *batch)
{
	struct work *work = batch->work;
	struct job_finished finished[JOBS_BATCH_MAX];

	for (int i = 0; i < batch->n; i++) {
		struct held *held = batch->held[i];

		held->is_leaving = true;
		finished[i] = (struct job_finished){&held->job, held->digits, held->len, held->duration_us};
	}
	jobs_finish(work->redis, &work->scope, finished, batch->n, stored, batch);
}

static bool is_finished(const struct held *held)
{
	return held->digits && !held->is_leaving;
}

void finish_calculated(void *arg)
{
	work_in_batches(arg, is_finished, store);
}

/* Storing results: those that were calculated within one turn of the loop go to Redis together. */
#include "base/log.h"
#include "base/metrics.h"
#include "work_internal.h"

/* When storing failed, the jobs are still pending in Redis: they come again when their lease has run out, or by repair. */
static void stored(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;

	if (status != STATUS_OK)
		log_line(LOG_WARN, "results could not be stored", LOG_INT("jobs", batch->n),
			 LOG_TEXT("status", status_name(status)));
	for (int i = 0; status == STATUS_OK && i < batch->n; i++)
		metrics_add(work_metrics.done_total[batch->held[i]->job.key.kind], 1);
	work_release_batch(batch);
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

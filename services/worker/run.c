/* Calculating the jobs that were received: small ones at once on the loop, large ones on the thread pool. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "calculate.h"
#include "work_internal.h"

/* What is still to be calculated stays held, with its lease. */
static void stop(struct work *work)
{
	log_line(LOG_WARN, "calculates no further until results can be stored",
		 LOG_INT("bytes", (int64_t)work->unstored_bytes));
	work->is_overfull = true;
	scope_cancel(&work->pool_scope);
}

static void calculated(struct work *work, struct held *held, char *digits, int64_t duration_us)
{
	held->digits = digits;
	held->len = strlen(digits);
	held->duration_us = duration_us;
	spans_calculated(held);
	work->unstored_bytes += held->len;
	if (work->unstored_bytes > (size_t)work->config->unstored_bytes_max && !work->is_overfull)
		stop(work);
	metrics_observe_traced(work_metrics.duration_seconds, (double)duration_us / 1e6, trace_sampled_id(&held->job.trace));
	loop_deferred_schedule(work->finish);
}

/* ---- small ones ---- */

/* All small calculations use the same number, which keeps its memory. */
static void run_small(struct work *work, struct held *held)
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
	calculated(work, held, digits, clock_monotonic_us() - start_us);
}

/* ---- large ones ---- */

/* What a thread of the pool works on. It copies the job's key because the held job may be freed while the thread runs. */
struct large {
	struct job_key key;
	char *digits;
	int64_t duration_us;
	struct work *work; /* not for the thread */
};

char *run_calculation(struct job_key key, int64_t *ret_duration_us)
{
	int64_t start_us = clock_monotonic_us();
	char *digits;
	mpz_t result;

	mpz_init(result);
	calculate(key.kind, key.index, result);
	digits = mpz_get_str(NULL, 10, result);
	mpz_clear(result);
	*ret_duration_us = clock_monotonic_us() - start_us;
	return digits;
}

static void run_on_pool(void *arg)
{
	struct large *large = arg;

	large->digits = run_calculation(large->key, &large->duration_us);
}

static void large_done(enum status status, void *job, void *arg)
{
	struct large *large = job;
	struct held *held = arg;
	char *digits = large->digits;

	large->digits = NULL;
	if (status != STATUS_OK) { /* impossible: the pool's queue is longer than LARGE_MAX */
		work_release(large->work, held);
		return;
	}
	log_line(LOG_INFO, "calculated", LOG_TEXT("kind", kind_name(large->key.kind)), LOG_INT("index", large->key.index),
		 LOG_INT("duration_us", large->duration_us), LOG_TEXT("request_id", held->job.request_id),
		 LOG_TEXT("trace_id", trace_logged_id(&held->job.trace)));
	large->work->taken_us += large->duration_us;
	large->work->estimated_us += kind_estimate_us(large->key.kind, large->key.index);
	calculated(large->work, held, digits, large->duration_us);
}

static void large_drop(void *job)
{
	free(((struct large *)job)->digits);
	free(job);
}

static void run_large(struct work *work, struct held *held)
{
	struct large *large = mem_alloc(sizeof *large);

	*large = (struct large){.key = held->job.key, .work = work};
	pool_submit(work->pool, &work->pool_scope, run_on_pool, large_done, large_drop, large, held);
}

/* ---- each ---- */

static void buried(enum status status, void *arg)
{
}

static void bury(struct work *work, const struct job *job)
{
	log_line(LOG_WARN, "a job that can not be read is a dead letter now", LOG_TEXT("id", job->id));
	metrics_add(work_metrics.failed_total, 1);
	jobs_bury(work->redis, &work->scope, job, buried, NULL);
}

static void run(struct work *work, struct held *held)
{
	if (kind_is_small(held->job.key.kind, held->job.key.index))
		run_small(work, held);
	else
		run_large(work, held);
}

void run_resume(struct work *work)
{
	struct held *held;

	LIST_FOREACH (held, &work->held, link)
		if (!held->digits && !held->is_leaving && !work->is_overfull)
			run(work, held);
}

static void run_job(struct work *work, const struct job *job)
{
	struct held *held;

	if (job->key.index < 0)
		return bury(work, job);
	held = mem_alloc(sizeof *held);
	held->job = *job;
	spans_received(held);
	work_hold(work, held);
	if (!work->is_draining && !work->is_overfull)
		run(work, held);
}

void run_jobs(struct work *work, const struct job *jobs, int n)
{
	for (int i = 0; i < n; i++)
		run_job(work, &jobs[i]);
	if (work->is_draining)
		leases_hand_back(work);
	work_check_drained(work);
}

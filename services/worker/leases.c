/* The leases on the jobs that this worker holds. Jobs held longer than a third of their lease are renewed; jobs of dead workers
 * are looked for twice per lease. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "work_internal.h"

/* jobs must have room for a batch. Returns their number. */
static int copy_jobs(const struct batch *batch, struct job *jobs)
{
	for (int i = 0; i < batch->n; i++)
		jobs[i] = batch->held[i]->job;
	return batch->n;
}

/* ---- renewing ---- */

static bool is_staying(const struct held *held)
{
	return !held->is_leaving;
}

static void renewed(enum status status, void *arg)
{
}

static void renew(struct batch *batch)
{
	struct work *work = batch->work;
	struct job jobs[JOBS_BATCH_MAX];
	int n = copy_jobs(batch, jobs);

	jobs_renew(work->redis, &work->scope, work->consumer, jobs, n, renewed, NULL);
	work_free_batch(batch);
}

void leases_renew_due(void *arg)
{
	work_in_batches(arg, is_staying, renew);
}

/* ---- taking over ---- */

static bool is_held(const struct work *work, const struct job *job)
{
	const struct held *held;

	LIST_FOREACH (held, &work->held, link)
		if (held->job.lane == job->lane && strcmp(held->job.id, job->id) == 0)
			return true;
	return false;
}

/* Among them may be jobs of this worker, whose leases it could not renew while Redis was away. */
static int drop_held(const struct work *work, const struct job *jobs, int n, struct job *others)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		if (!is_held(work, &jobs[i]))
			others[count++] = jobs[i];
	return count;
}

static void take_over(struct receiver *receiver);

static void taken_over(enum status status, const struct job *jobs, int n, void *arg)
{
	struct receiver *receiver = arg;
	struct work *work = receiver->work;
	struct job others[JOBS_BATCH_MAX] = {0};
	int count = drop_held(work, jobs, n, others);

	receiver->is_taking_over = false;
	if (count)
		log_line(LOG_WARN, "took over jobs whose lease had expired", LOG_INT("jobs", count));
	run_jobs(work, others, count);
	if (n == JOBS_BATCH_MAX) /* there may be more */
		take_over(receiver);
}

static void take_over(struct receiver *receiver)
{
	struct work *work = receiver->work;

	if (work->is_draining || receiver->is_taking_over || !redis_is_ready(work->redis) || work->is_overfull ||
	    work->large_count >= (receiver->lane == JOBS_LARGE ? LARGE_MAX : LARGE_ON_SMALL_MAX))
		return;
	receiver->is_taking_over = true;
	jobs_take_over(work->redis, &work->scope, receiver->lane, work->consumer,
		       (long)((clock_monotonic_us() - work->started_us) / 1000), work->config->lease_s * 1000,
		       work->config->max_deliveries, JOBS_BATCH_MAX, taken_over, receiver);
}

void leases_take_over_due(void *arg)
{
	struct work *work = arg;

	for (int lane = 0; lane < JOBS_LANES; lane++)
		take_over(&work->receivers[lane]);
}

/* ---- handing back ---- */

static bool is_waiting(const struct held *held)
{
	return !held->digits && !held->is_leaving;
}

static void handed_back(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;

	work_release_batch(batch);
	work_check_drained(work);
}

void leases_hand_back_batch(struct batch *batch)
{
	struct work *work = batch->work;
	struct job jobs[JOBS_BATCH_MAX];
	int n = copy_jobs(batch, jobs);

	for (int i = 0; i < n; i++)
		batch->held[i]->is_leaving = true;
	jobs_release(work->redis, &work->scope, work->consumer, jobs, n, work->config->lease_s * 1000, handed_back, batch);
}

void leases_hand_back(struct work *work)
{
	work_in_batches(work, work->refusal ? is_staying : is_waiting, leases_hand_back_batch);
}

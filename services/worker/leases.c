/* A worker's claim on the jobs that it holds: renewed while it lives, taken over from those who do not, handed back when it
 * stops. */
#include "work_internal.h"

#include <stdlib.h>

#include "base/log.h"

static void renewed(enum status status, void *arg)
{
}

void leases_renew_due(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;
	struct job jobs[JOBS_BATCH_MAX];
	struct held *held;
	int n = 0;

	LIST_FOREACH (held, &work->held, link) {
		if (held->is_storing)
			continue;
		jobs[n++] = held->job;
		if (n == JOBS_BATCH_MAX) {
			jobs_renew(work->redis, &work->scope, work->consumer, jobs, n, renewed, NULL);
			n = 0;
		}
	}
	if (n)
		jobs_renew(work->redis, &work->scope, work->consumer, jobs, n, renewed, NULL);
}

/* A whole batch: there may be more. */
static void taken_over(enum status status, const struct job *jobs, int n, void *arg)
{
	struct work *work = arg;

	work->is_taking_over = false;
	if (n)
		log_line(LOG_WARN, "took over jobs of another worker", LOG_INT("jobs", n));
	work_take(work, jobs, n);
	if (n == JOBS_BATCH_MAX)
		leases_take_over_due(-1, 0, work);
}

void leases_take_over_due(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;

	if (work->is_draining || work->is_taking_over || !redis_is_ready(work->redis) || work->large_count >= LARGE_MAX)
		return;
	work->is_taking_over = true;
	jobs_take_over(work->redis, &work->scope, work->consumer, work->config->lease_s * 1000, work->config->max_deliveries,
		       JOBS_BATCH_MAX, taken_over, work);
}

static void released(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct work *work = batch->work;

	for (int i = 0; i < batch->n; i++)
		work_drop_held(work, batch->held[i]);
	free(batch);
	work_tell_when_drained(work);
}

static void release_batch(struct work *work, struct batch *batch)
{
	struct job jobs[JOBS_BATCH_MAX];

	for (int i = 0; i < batch->n; i++) {
		batch->held[i]->is_storing = true;
		jobs[i] = batch->held[i]->job;
	}
	jobs_release(work->redis, &work->scope, work->consumer, jobs, batch->n, work->config->lease_s * 1000, released, batch);
}

void leases_release_waiting(struct work *work)
{
	struct batch *batch = NULL;
	struct held *held;

	LIST_FOREACH (held, &work->held, link) {
		if (held->digits || held->is_storing)
			continue;
		if (!batch)
			batch = work_batch_new(work);
		batch->held[batch->n++] = held;
		if (batch->n == JOBS_BATCH_MAX) {
			release_batch(work, batch);
			batch = NULL;
		}
	}
	if (batch)
		release_batch(work, batch);
}

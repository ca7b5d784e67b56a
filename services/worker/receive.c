/* Receiving jobs: a blocking read on a connection of its own. The next read begins as soon as the last batch was taken, while
 * its results are still on their way to Redis. After a read that brought no job although it did not wait (an error; the group
 * was missing) comes a pause, because the next one would end as soon. */
#include "base/clock.h"
#include "work_internal.h"

#define BLOCK_MS 1000  /* a reply that was lost is noticed so much later than another command's */
#define ATTEMPTS_MAX 4 /* holds the pause under a second, so that jobs do not wait long after Redis has recovered */

static void pause_receiving(struct work *work)
{
	loop_timer_start(work->receive_pause, loop_backoff_ms(work->receive_attempt));
	if (work->receive_attempt < ATTEMPTS_MAX)
		work->receive_attempt++;
}

static void received(enum status status, const struct job *jobs, int n, void *arg)
{
	struct work *work = arg;

	work->is_receiving = false;
	run_jobs(work, jobs, n);
	if (n > 0 || clock_monotonic_us() - work->receiving_since_us > BLOCK_MS * 1000 / 2)
		work->receive_attempt = 0;
	else if (redis_is_ready(work->receiving))
		pause_receiving(work);
	receive_more(work);
}

/* With two batches of small jobs, enough large ones or too many bytes, this worker leaves further jobs to others. */
static bool holds_enough(const struct work *work)
{
	return work->is_overfull || work->large_count >= LARGE_MAX ||
	       work->held_count - work->large_count >= 2 * work->config->batch;
}

void receive_more(struct work *work)
{
	if (work->is_receiving || work->is_draining || holds_enough(work) || !redis_is_ready(work->receiving) ||
	    !redis_is_ready(work->redis) || loop_timer_is_running(work->receive_pause))
		return;
	work->is_receiving = true;
	work->receiving_since_us = clock_monotonic_us();
	jobs_receive(work->receiving, &work->receive_scope, work->consumer, (int)work->config->batch, BLOCK_MS, received, work);
}

static void unblocked(enum status status, const redisReply *reply, void *arg)
{
	struct work *work = arg;

	if (status == STATUS_OK || !work->is_receiving)
		return;
	scope_cancel(&work->receive_scope); /* jobs that are delivered now wait until their lease runs out */
	work->is_receiving = false;
	work_check_drained(work);
}

/* Ends the blocking read in Redis and waits for its reply, because Redis may be delivering jobs at this moment. */
void receive_stop(struct work *work)
{
	if (work->is_receiving)
		redis_unblock(work->redis, &work->scope, work->receiving, unblocked, work);
}

void receive_pause_over(void *arg)
{
	receive_more(arg);
}

/* Stops again while draining: the first attempt has no effect when it reaches Redis before the read that it is to end. */
void receive_resume_due(void *arg)
{
	struct work *work = arg;

	if (work->is_draining)
		receive_stop(work);
	else
		receive_more(work);
}

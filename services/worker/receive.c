/* Receiving jobs: for each lane a blocking read on a connection of its own, so that small jobs come in however many large ones
 * wait. The next read begins as soon as the last batch was taken, while its results are still on their way to Redis. After a
 * read that brought no job although it did not wait (an error; the group was missing) comes a pause, because the next one would
 * end as soon. */
#include "base/clock.h"
#include "work_internal.h"

#define BLOCK_MS 1000 /* a reply that was lost is noticed so much later than another command's */
/* Large jobs in one read: those that come may be the largest, however small those before were. */
#define LARGE_READ_MAX 16
#define ATTEMPTS_MAX 4 /* holds the pause under a second, so that jobs do not wait long after Redis has recovered */

static void receive(struct receiver *receiver);

static void pause_receiving(struct receiver *receiver)
{
	loop_timer_start(receiver->pause, loop_backoff_ms(receiver->attempt));
	if (receiver->attempt < ATTEMPTS_MAX)
		receiver->attempt++;
}

static void note_mean(struct work *work, const struct job *jobs, int n)
{
	int64_t sum_us = 0;

	for (int i = 0; i < n; i++)
		sum_us += jobs[i].key.index < 0 ? 1 : kind_estimate_us(jobs[i].key.kind, jobs[i].key.index);
	if (n)
		work->large_mean_us = sum_us / n;
}

static void received(enum status status, const struct job *jobs, int n, void *arg)
{
	struct receiver *receiver = arg;
	struct work *work = receiver->work;

	receiver->is_receiving = false;
	if (receiver->lane == JOBS_LARGE)
		note_mean(work, jobs, n);
	run_jobs(work, jobs, n);
	if (n > 0 || clock_monotonic_us() - receiver->since_us > BLOCK_MS * 1000 / 2)
		receiver->attempt = 0;
	else if (redis_is_ready(receiver->redis))
		pause_receiving(receiver);
	receive(receiver);
}

/* One more than there are threads, however large they are: the next one then begins at once. */
static bool holds_enough_large(const struct work *work)
{
	return work->large_count >= LARGE_MAX ||
	       (work->large_count > work->config->threads && work->large_us >= work->config->threads * LARGE_HELD_US);
}

/* With two batches of small jobs, enough large ones or too many bytes, this worker leaves further jobs to others. A small lane
 * may have large jobs too, of a version with another estimate. */
static bool holds_enough(const struct receiver *receiver)
{
	const struct work *work = receiver->work;

	if (work->is_overfull)
		return true;
	if (receiver->lane == JOBS_LARGE)
		return holds_enough_large(work);
	return work->large_count >= LARGE_ON_SMALL_MAX || work->held_count - work->large_count >= 2 * work->config->batch;
}

/* Of large jobs as many as are likely to be enough, if they are like those before: Redis counts jobs, and not their work. */
static long most_of(const struct receiver *receiver)
{
	const struct work *work = receiver->work;
	int64_t lacks_us = work->config->threads * LARGE_HELD_US - work->large_us, most;
	long limit = work->config->batch;

	if (receiver->lane == JOBS_SMALL)
		return limit;
	if (limit > LARGE_READ_MAX)
		limit = LARGE_READ_MAX;
	most = work->large_mean_us && lacks_us > 0 ? lacks_us / work->large_mean_us : 1;
	return most < 1 ? 1 : most < limit ? (long)most : limit;
}

static void receive(struct receiver *receiver)
{
	struct work *work = receiver->work;

	if (receiver->is_receiving || work->is_draining || holds_enough(receiver) || !redis_is_ready(receiver->redis) ||
	    !redis_is_ready(work->redis) || loop_timer_is_running(receiver->pause))
		return;
	receiver->is_receiving = true;
	receiver->since_us = clock_monotonic_us();
	jobs_receive(receiver->redis, &receiver->scope, receiver->lane, work->consumer, (int)most_of(receiver), BLOCK_MS,
		     received, receiver);
}

void receive_more(struct work *work)
{
	for (int lane = 0; lane < JOBS_LANES; lane++)
		receive(&work->receivers[lane]);
}

static void unblocked(enum status status, const redisReply *reply, void *arg)
{
	struct receiver *receiver = arg;

	if (status == STATUS_OK || !receiver->is_receiving)
		return;
	scope_cancel(&receiver->scope); /* jobs that are delivered now wait until their lease runs out */
	receiver->is_receiving = false;
	work_check_drained(receiver->work);
}

/* Ends the blocking reads in Redis and waits for their replies, because Redis may be delivering jobs at this moment. */
void receive_stop(struct work *work)
{
	for (int lane = 0; lane < JOBS_LANES; lane++) {
		struct receiver *receiver = &work->receivers[lane];

		if (receiver->is_receiving)
			redis_unblock(work->redis, &work->scope, receiver->redis, unblocked, receiver);
	}
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

bool receive_is_ready(const struct work *work)
{
	return redis_is_ready(work->receivers[JOBS_SMALL].redis) && redis_is_ready(work->receivers[JOBS_LARGE].redis);
}

bool receive_is_idle(const struct work *work)
{
	bool is_idle = true;

	for (int lane = 0; lane < JOBS_LANES; lane++)
		is_idle &= !work->receivers[lane].is_receiving && !work->receivers[lane].is_taking_over;
	return is_idle;
}

/* ---- start and end ---- */

static void pause_over(void *arg)
{
	receive(arg);
}

static void connection_changed(bool is_ready, void *arg)
{
	if (is_ready)
		receive(arg);
}

void receive_begin(struct work *work, struct event_base *base)
{
	for (int lane = 0; lane < JOBS_LANES; lane++) {
		struct receiver *receiver = &work->receivers[lane];

		receiver->work = work;
		receiver->lane = (enum jobs_lane)lane;
		scope_init(&receiver->scope);
		receiver->pause = loop_timer_new(base, pause_over, receiver);
		receiver->redis = redis_new(base, &work->config->redis, NULL, LOOP_PRIORITY_NORMAL);
		redis_on_change(receiver->redis, connection_changed, receiver);
	}
}

void receive_end(struct work *work)
{
	for (int lane = 0; lane < JOBS_LANES; lane++) {
		redis_free(work->receivers[lane].redis);
		loop_timer_free(work->receivers[lane].pause);
	}
}

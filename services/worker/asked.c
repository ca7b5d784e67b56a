/* Decimals that readers wait for and Redis no longer has. Each goes before all jobs that wait for the pool. This worker holds
 * one for each thread, so that another worker takes the next, and so that jobs get at least every second turn: a thread that
 * has ended a decimal takes what waits before this worker has received the next decimal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "work_internal.h"

#define READ_US 500000 /* a read that lasted so long has waited as it should */
#define ATTEMPTS_MAX 4 /* holds the pause under a second */

struct asked {
	struct work *work; /* not for the thread */
	struct job_key key;
	char request_id[JOBS_REQUEST_ID_BYTES];
	char *digits;
	int64_t duration_us;
};

static void received(enum status status, const struct job_key *key, const char *request_id, void *arg);
static void calculate_asked(void *arg);
static void calculated(enum status status, void *job, void *arg);
static void stored(enum status status, void *arg);

void asked_more(struct work *work)
{
	if (work->is_asking || work->is_draining || work->asked_count >= work->config->threads ||
	    !redis_is_ready(work->asking) || !redis_is_ready(work->redis) || loop_timer_is_running(work->ask_pause))
		return;
	work->is_asking = true;
	work->asking_since_us = clock_monotonic_us();
	jobs_asked_receive(work->asking, &work->asked_scope, received, work);
}

void asked_pause_over(void *arg)
{
	asked_more(arg);
}

static void drop(void *job)
{
	free(((struct asked *)job)->digits);
	free(job);
}

static void run(struct work *work, struct job_key key, const char *request_id)
{
	struct asked *asked = mem_alloc(sizeof *asked);

	*asked = (struct asked){.work = work, .key = key};
	snprintf(asked->request_id, sizeof asked->request_id, "%s", request_id);
	work->asked_count++;
	pool_submit_first(work->pool, &work->asked_scope, calculate_asked, calculated, drop, asked, work);
}

/* After a read that brought nothing although it did not wait comes a pause, because the next one would end as soon. */
static void received(enum status status, const struct job_key *key, const char *request_id, void *arg)
{
	struct work *work = arg;

	work->is_asking = false;
	if (key || clock_monotonic_us() - work->asking_since_us > READ_US) {
		work->ask_attempt = 0;
	} else if (redis_is_ready(work->asking)) {
		loop_timer_start(work->ask_pause, loop_backoff_ms(work->ask_attempt));
		if (work->ask_attempt < ATTEMPTS_MAX)
			work->ask_attempt++;
	}
	if (key)
		run(work, *key, request_id);
	asked_more(work);
}

static void calculate_asked(void *arg)
{
	struct asked *asked = arg;

	asked->digits = run_calculation(asked->key, &asked->duration_us);
}

static void calculated(enum status status, void *job, void *arg)
{
	struct asked *asked = job;
	struct work *work = arg;

	if (status != STATUS_OK) /* impossible: the pool's queue is longer than all that is held */
		return stored(status, work);
	log_line(LOG_INFO, "calculated again for a reader", LOG_TEXT("kind", kind_name(asked->key.kind)),
		 LOG_INT("index", asked->key.index), LOG_INT("duration_us", asked->duration_us),
		 LOG_TEXT("request_id", asked->request_id));
	metrics_add(work_metrics.asked_total, 1);
	jobs_asked_finish(work->redis, &work->asked_scope, work->config->cache_s, asked->key, asked->digits,
			  strlen(asked->digits), stored, work);
}

/* What Redis did not take is not kept: its readers ask again. */
static void stored(enum status status, void *arg)
{
	struct work *work = arg;

	work->asked_count--;
	asked_more(work);
}

/* What the worker's files share. The life of a job in a worker:
 *
 *   receive.c   waits for jobs, on each of the two lanes by itself
 *   run.c       calculates: small ones at once, large ones on the thread pool
 *   finish.c    stores what was calculated in one turn of the loop, in one atomic step; keeps what Redis does not take
 *   spans.c     records what a job's time was spent on, if its trace is sampled
 *   leases.c    renews leases, takes over the jobs of dead workers, hands back unfinished ones at the end
 *   work.c      holds the jobs, starts and stops the others
 *
 * Beside them asked.c calculates decimals that readers wait for and Redis no longer has; they are no jobs. */
#ifndef ABACUS_WORKER_WORK_INTERNAL_H
#define ABACUS_WORKER_WORK_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "base/pool.h"
#include "service.h"

/* Large jobs that one worker holds, waiting for its pool or being calculated. */
#define LARGE_MAX 1024
/* With so many it takes nothing from the small lane either, on which a version with another estimate may have queued them. */
#define LARGE_ON_SMALL_MAX (2 * LARGE_MAX)
/* It receives further ones while those that it holds are less work than this for each of its threads, so that a thread does not
 * wait for Redis, and other workers find the rest. */
#define LARGE_HELD_US 20000

/* A job that this worker holds. */
struct held {
	struct job job;
	char *digits; /* malloc'ed; NULL until calculated */
	size_t len;
	int64_t duration_us;
	int64_t received_us, calculated_us; /* only if its trace is sampled */
	bool is_leaving;                    /* Redis was asked to store its result or to take it back */
	LIST_ENTRY(held) link;
};

/* Receives the jobs of one lane. */
struct receiver {
	struct work *work;
	enum jobs_lane lane;
	struct redis *redis; /* for its blocking reads alone */
	struct scope scope;
	struct loop_timer *pause; /* while it runs, nothing is received */
	unsigned attempt;
	int64_t since_us;
	bool is_receiving, is_taking_over;
};

struct work {
	const struct worker_config *config;
	char consumer[200];
	struct redis *redis, *asking; /* the latter is for blocking reads alone */
	struct receiver receivers[JOBS_LANES];
	struct pool *pool;
	struct scope scope, pool_scope, asked_scope;
	struct loop_timer *renew, *take_over, *count, *resume; /* count is NULL unless this process sets the gauges */
	struct loop_timer *present;                            /* lets values know of this worker */
	struct loop_timer *ask_pause;                          /* while it runs, no decimal is asked for */
	struct loop_timer *store_again;                        /* what could not be stored */
	unsigned ask_attempt, store_attempt;
	int64_t started_us, asking_since_us;
	struct loop_deferred *finish;
	LIST_HEAD(held_jobs, held) held;
	LIST_HEAD(, batch) batches;
	int held_count, large_count;    /* large ones are in both */
	int64_t large_us;               /* estimated, of the large ones */
	int64_t large_mean_us;          /* of those that came last; 0: none has come */
	int64_t taken_us, estimated_us; /* of the large ones that were calculated lately */
	size_t unstored_bytes;          /* of results that are held */
	const char *refusal;            /* why Redis stores no results; NULL: it does, as far as is known */
	bool is_overfull;               /* too much is unstored: nothing is calculated, and nothing received */
	int asked_count;                /* decimals being calculated */
	bool is_asking, is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Held jobs that one call to Redis is about. */
struct batch {
	struct work *work;
	int n;
	struct held *held[JOBS_BATCH_MAX];
	LIST_ENTRY(batch) link;
};

struct work_metrics {
	struct metric *done_total[KIND_COUNT], *failed_total, *asked_total, *duration_seconds, *depth, *oldest, *backlog, *dead;
};
extern struct work_metrics work_metrics;

/* work.c */
void work_hold(struct work *work, struct held *held);    /* takes it over */
void work_release(struct work *work, struct held *held); /* frees it */
/* Calls `send` with batches of all held jobs that `selects` selects, each of one lane. send becomes the owner of the batch:
 * work_free_batch(). */
void work_in_batches(struct work *work, bool (*selects)(const struct held *held), void (*send)(struct batch *batch));
struct batch *work_new_batch(struct work *work); /* empty */
void work_free_batch(struct batch *batch);       /* not its jobs */
/* Releases the batch's jobs and frees the batch. */
void work_release_batch(struct batch *batch);
/* How fast large jobs were calculated lately, in percent of the estimate: from WORK_PACE_MIN up to 100. */
#define WORK_PACE_MIN 10
long work_pace_percent(const struct work *work);
/* Reports that the worker is drained as soon as it holds nothing and waits for nothing. */
void work_check_drained(struct work *work);

/* receive.c */
void receive_begin(struct work *work, struct event_base *base);
void receive_more(struct work *work); /* each lane, unless it is receiving already, pauses, is draining, or holds enough */
void receive_stop(struct work *work);
bool receive_is_ready(const struct work *work);
bool receive_is_idle(const struct work *work); /* neither receives nor takes over */
void receive_end(struct work *work);
void receive_resume_due(void *work); /* of timer `resume` */

/* run.c: while draining it does not calculate them, but hands them back. */
void run_jobs(struct work *work, const struct job *jobs, int n);
/* After too much was unstored: calculates what is held. */
void run_resume(struct work *work);
/* On a thread of the pool: the decimal, malloc'ed. */
char *run_calculation(struct job_key key, int64_t *ret_duration_us);

/* finish.c */
void finish_calculated(void *work); /* of `finish` */
void finish_again(void *work);      /* of timer `store_again` */

/* spans.c: to be called when a job was received, calculated, and stored. */
void spans_received(struct held *held);
void spans_calculated(struct held *held);
void spans_stored(const struct held *held);

/* asked.c */
void asked_more(struct work *work); /* receives the next decimal, unless it holds enough of them */
void asked_pause_over(void *work);  /* of timer `ask_pause` */

/* leases.c */
void leases_renew_due(void *work);     /* of timer `renew` */
void leases_take_over_due(void *work); /* of timer `take_over` */
/* Hands back what is not calculated yet, so that another worker need not wait until the lease runs out. */
void leases_hand_back(struct work *work);
/* Hands back the jobs of a batch, and releases them. */
void leases_hand_back_batch(struct batch *batch);

#endif

/* Group commit: submissions that arrive while a batch is on its way to Postgres make up the next batch. So a busy daemon pays
 * for one commit, one round trip and one script for many submissions, and an idle one never waits. Flow: submissions_add ->
 * (end of the loop's turn) send_batches -> insert -> stored -> queued -> each submission's `done`. */
#include "submissions.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "base/mem.h"
#include "refill.h"
#include "service.h"
#include "store.h"

#define WAITING_MAX 20000 /* because clients may submit and disconnect faster than Postgres commits */
#define BATCHES_MAX 2     /* at once: one in Postgres, one in Redis */

struct waiting {
	struct op op; /* in the request's scope */
	struct job_key key;
	int64_t user_id;
	char request_id[65];
	struct trace trace;
	submission_taken *done;
	void *arg;
	STAILQ_ENTRY(waiting) link;
};

struct batch {
	struct submissions *submissions;
	int n;
	int64_t ids[JOBS_BATCH_MAX];
	enum job_state
		states[JOBS_BATCH_MAX]; /* as Postgres has them, then of those that were pending there, as Redis has them */
	struct waiting *waiting[JOBS_BATCH_MAX];
	LIST_ENTRY(batch) link;
};

struct submissions {
	struct values *values;
	struct scope scope;
	struct loop_deferred *send;
	STAILQ_HEAD(, waiting) waiting;
	LIST_HEAD(, batch) batches;
	int batches_count, waiting_count;
};

static struct batch *take_batch(struct submissions *submissions);
static void insert(struct batch *batch);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void queued(enum status status, const enum job_state *states, void *arg);
static void batch_end(struct batch *batch, enum status status);
static void batch_drop(struct batch *batch);

bool submissions_are_full(const struct submissions *submissions)
{
	return submissions->waiting_count >= WAITING_MAX;
}

void submissions_add(struct submissions *submissions, struct scope *scope, int64_t user_id, struct job_key key,
		     const char *request_id, const struct trace *trace, submission_taken *done, void *arg)
{
	struct waiting *waiting = mem_alloc(sizeof *waiting);

	*waiting = (struct waiting){.key = key, .user_id = user_id, .trace = *trace, .done = done, .arg = arg};
	strncpy(waiting->request_id, request_id, sizeof waiting->request_id - 1);
	op_start(scope, &waiting->op);
	STAILQ_INSERT_TAIL(&submissions->waiting, waiting, link);
	submissions->waiting_count++;
	loop_deferred_schedule(submissions->send);
}

static void send_batches(void *arg)
{
	struct submissions *submissions = arg;

	while (submissions->batches_count < BATCHES_MAX && !STAILQ_EMPTY(&submissions->waiting))
		insert(take_batch(submissions));
}

static struct batch *take_batch(struct submissions *submissions)
{
	struct batch *batch = mem_alloc(sizeof *batch);

	batch->submissions = submissions;
	while (batch->n < JOBS_BATCH_MAX && !STAILQ_EMPTY(&submissions->waiting)) {
		batch->waiting[batch->n++] = STAILQ_FIRST(&submissions->waiting);
		STAILQ_REMOVE_HEAD(&submissions->waiting, link);
		submissions->waiting_count--;
	}
	LIST_INSERT_HEAD(&submissions->batches, batch, link);
	submissions->batches_count++;
	return batch;
}

/* Three array literals (https://www.postgresql.org/docs/15/arrays.html#ARRAYS-INPUT); no element needs quoting. */
static void insert(struct batch *batch)
{
	struct submissions *submissions = batch->submissions;
	struct buf users = {0}, kinds = {0}, indexes = {0};
	long pending_max = submissions->values->config->pending_max;
	struct postgres_params params = {0};

	for (int i = 0; i < batch->n; i++) {
		const char *separator = i ? "," : "{";

		buf_text(&users, separator);
		if (batch->waiting[i]->user_id)
			buf_int(&users, batch->waiting[i]->user_id);
		else
			buf_text(&users, "NULL");
		buf_text(&kinds, separator);
		buf_text(&kinds, kind_name(batch->waiting[i]->key.kind));
		buf_text(&indexes, separator);
		buf_int(&indexes, batch->waiting[i]->key.index);
	}
	for (struct buf *const *array = (struct buf *[]){&users, &kinds, &indexes, NULL}; *array; array++) {
		buf_text(*array, "}");
		postgres_param_text(&params, (*array)->bytes);
	}
	if (pending_max)
		postgres_param_int(&params, pending_max);
	postgres_exec(submissions->values->postgres, &submissions->scope,
		      pending_max ? &store_values_insert_limited : &store_values_insert, &params, stored, batch);
	buf_free(&users);
	buf_free(&kinds);
	buf_free(&indexes);
}

/* False: no row that Postgres sends. An id is null or a number above 0. */
static bool read_row(struct batch *batch, const struct postgres_rows *rows, int i)
{
	bool is_refused = store_is_refused(rows, i);

	batch->ids[i] = postgres_int(rows, i, COLUMN_INSERTED_ID);
	batch->states[i] = is_refused ? JOB_ABSENT : store_state_read(rows, i, COLUMN_INSERTED_STATE);
	return is_refused ? postgres_is_null(rows, i, COLUMN_INSERTED_ID) : batch->ids[i] > 0;
}

static struct job_to_add job_of(const struct waiting *waiting)
{
	return (struct job_to_add){waiting->key, waiting->request_id, &waiting->trace};
}

/* What is done or failed already needs no job. */
static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct batch *batch = arg;
	struct values *values = batch->submissions->values;
	struct job_to_add jobs[JOBS_BATCH_MAX];
	int n = 0;

	if (status == STATUS_OK && postgres_count(rows) != batch->n)
		status = STATUS_INTERNAL;
	if (status != STATUS_OK)
		return batch_end(batch, status);
	for (int i = 0; i < batch->n; i++) {
		if (!read_row(batch, rows, i))
			return batch_end(batch, STATUS_INTERNAL);
		if (batch->states[i] == JOB_PENDING)
			jobs[n++] = job_of(batch->waiting[i]);
	}
	if (n == 0)
		return batch_end(batch, STATUS_OK);
	jobs_add(values->redis, &batch->submissions->scope, values_room(values), jobs, n, queued, batch);
}

/* The rows are committed, whatever Redis answers. If it is away, refill adds the jobs as soon as it is back. */
static void queued(enum status status, const enum job_state *states, void *arg)
{
	struct batch *batch = arg;
	struct refill *refill = batch->submissions->values->refill;

	if (status != STATUS_OK)
		refill_soon(refill);
	for (int i = 0, n = 0; status == STATUS_OK && i < batch->n; i++) {
		if (batch->states[i] != JOB_PENDING)
			continue;
		batch->states[i] = states[n++];
		if (batch->states[i] == JOB_ABSENT)
			refill_when_there_is_room(refill, jobs_lane_of(batch->waiting[i]->key));
	}
	batch_end(batch, STATUS_OK);
}

static void batch_end(struct batch *batch, enum status status)
{
	struct submissions *submissions = batch->submissions;

	for (int i = 0; i < batch->n; i++)
		if (op_end(&batch->waiting[i]->op))
			batch->waiting[i]->done(status, batch->ids[i], batch->states[i], batch->waiting[i]->arg);
	batch_drop(batch);
	if (!STAILQ_EMPTY(&submissions->waiting))
		loop_deferred_schedule(submissions->send);
}

static void batch_drop(struct batch *batch)
{
	LIST_REMOVE(batch, link);
	batch->submissions->batches_count--;
	for (int i = 0; i < batch->n; i++)
		free(batch->waiting[i]);
	free(batch);
}

struct submissions *submissions_new(struct event_base *base, struct values *values)
{
	struct submissions *submissions = mem_alloc(sizeof *submissions);

	submissions->values = values;
	submissions->send = loop_deferred_new(base, send_batches, submissions);
	scope_init(&submissions->scope);
	STAILQ_INIT(&submissions->waiting);
	LIST_INIT(&submissions->batches);
	return submissions;
}

void submissions_free(struct submissions *submissions)
{
	scope_cancel(&submissions->scope);
	loop_deferred_free(submissions->send);
	while (!STAILQ_EMPTY(&submissions->waiting))
		take_batch(submissions);
	while (!LIST_EMPTY(&submissions->batches)) {
		struct batch *batch = LIST_FIRST(&submissions->batches);

		for (int i = 0; i < batch->n; i++)
			op_end(&batch->waiting[i]->op);
		batch_drop(batch);
	}
	free(submissions);
}

/* What the tests of the job protocol share: each of its calls as a function that waits for the answer. Include after cmocka.h.
 */
#ifndef ABACUS_JOBS_FIXTURE_H
#define ABACUS_JOBS_FIXTURE_H

#include "jobs/jobs.h"
#include "tests/redis/redis_fixture.h"

#define LEASE_MS 60000 /* never runs out by itself */
#define CACHE_S 1000
#define FIB(i) ((struct job_key){KIND_FIBONACCI, (i)})

static struct redis *blocking; /* the worker's connection for receiving */

static inline int jobs_set_up(void **state)
{
	struct redis_config config = fixture_config();

	fixture_set_up(state);
	blocking = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	fixture_ready(&config, jobs_scripts);
	WAIT_FOR(redis_is_ready(blocking));
	return 0;
}

static inline int jobs_tear_down(void **state)
{
	redis_free(blocking);
	return fixture_tear_down(state);
}

#define JOBS_TEST(test) cmocka_unit_test_setup_teardown(test, jobs_set_up, jobs_tear_down)

/* ---- values' side ---- */

struct outcome {
	bool is_there;
	enum status status;
	int asked; /* states there will be */
	enum job_state state, states[JOBS_BATCH_MAX];
	int added;
	bool is_full;
	struct jobs_stats stats;
	char *digits;
	size_t len;
};

static inline void outcome_added(enum status status, const enum job_state *states, void *arg)
{
	struct outcome *outcome = arg;

	assert_int_equal(states != NULL, status == STATUS_OK);
	outcome->is_there = true;
	outcome->status = status;
	if (states)
		memcpy(outcome->states, states, (size_t)outcome->asked * sizeof *states);
}

static inline void outcome_refilled(enum status status, int added, bool is_full, void *arg)
{
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status, .added = added, .is_full = is_full};
}

static inline void outcome_read(enum status status, const char *digits, size_t len, void *arg)
{
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status, .len = len};
	if (digits)
		((struct outcome *)arg)->digits = mem_strndup(digits, len);
}

static inline void outcome_looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct outcome *outcome = arg;

	*outcome = (struct outcome){.is_there = true, .status = status};
	if (n == 0)
		return;
	outcome->state = results->state;
	outcome->len = results->preview_len;
	if (results->preview)
		outcome->digits = mem_strndup(results->preview, results->preview_len);
}

static inline void outcome_done(enum status status, void *arg)
{
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status};
}

static inline void outcome_counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status, .stats = *stats};
}

#define AWAIT(outcome)                            \
	do {                                      \
		assert_false((outcome).is_there); \
		WAIT_FOR((outcome).is_there);     \
	} while (0)

#define MOST 1000 /* names in the window */
#define LARGE_US 1000000
#define ROOM(most) ((struct jobs_room){.names = (most), .large_us = LARGE_US})

static inline enum job_state add(struct job_key key)
{
	const struct job_to_add job = {key, "request-1"};
	struct outcome outcome = {.asked = 1};

	jobs_add(redis, &scope, ROOM(MOST), &job, 1, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome.states[0];
}

static struct jobs_refiller round_begun; /* the last one that was asked for */
static struct jobs_refill_answer round_answer;

static inline void outcome_begun(enum status status, const struct jobs_refill_answer *answer, void *arg)
{
	round_answer = *answer;
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status};
}

static inline enum jobs_refill_verdict begin_round(struct jobs_refiller round)
{
	struct outcome outcome = {0};

	round.round = round_begun.round + 1;
	round_begun = round;
	jobs_refill_begin(redis, &scope, &round_begun, outcome_begun, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return round_answer.verdict;
}

/* In the round that was begun. */
static inline struct outcome refill_batch(const struct job_key *keys, int n)
{
	struct outcome outcome = {0};

	jobs_refill(redis, &scope, &round_begun, keys, n, outcome_refilled, &outcome);
	AWAIT(outcome);
	return outcome;
}

/* In a round of its own. */
static inline struct outcome refill_into(struct jobs_room room, const struct job_key *keys, int n)
{
	struct outcome outcome;

	assert_int_equal(begin_round((struct jobs_refiller){
				 .process = "a", .lease_ms = LEASE_MS, .room = room, .wants = {true, true}, .is_urgent = true}),
			 JOBS_REFILL_BEGIN);
	outcome = refill_batch(keys, n);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome;
}

static inline int refill(const struct job_key *keys, int n)
{
	return refill_into(ROOM(MOST), keys, n).added;
}

/* The preview of what is finished and not written. The caller frees digits. */
static inline struct outcome look_up_one(struct job_key key)
{
	struct outcome outcome = {0};

	jobs_look_up(redis, &scope, &key, 1, outcome_looked_up, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome;
}

static inline enum job_state state_of(struct job_key key)
{
	struct outcome outcome = look_up_one(key);

	free(outcome.digits);
	return outcome.state;
}

/* The caller frees digits. */
static inline struct outcome read_decimal(struct job_key key)
{
	struct outcome outcome = {0};

	jobs_read_decimal(redis, &scope, key, outcome_read, &outcome);
	AWAIT(outcome);
	return outcome;
}

static inline enum status retry(struct job_key key)
{
	struct outcome outcome = {0};

	jobs_retry(redis, &scope, key, false, outcome_done, &outcome);
	AWAIT(outcome);
	return outcome.status;
}

static inline struct jobs_stats count(void)
{
	struct outcome outcome = {0};

	jobs_count(redis, &scope, outcome_counted, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome.stats;
}

/* ---- worker's side ---- */

struct batch {
	bool is_there;
	enum status status;
	int n;
	struct job jobs[JOBS_BATCH_MAX];
};

static inline void batch_received(enum status status, const struct job *jobs, int n, void *arg)
{
	struct batch *batch = arg;

	assert_false(batch->is_there);
	batch->is_there = true;
	batch->status = status;
	batch->n = n;
	if (n)
		memcpy(batch->jobs, jobs, (size_t)n * sizeof *jobs);
}

static inline int receive_of(enum jobs_lane lane, struct batch *batch, const char *consumer, int most)
{
	*batch = (struct batch){0};
	jobs_receive(blocking, &scope, lane, consumer, most, 1, batch_received, batch);
	AWAIT(*batch);
	assert_int_equal(batch->status, STATUS_OK);
	return batch->n;
}

static inline int receive(struct batch *batch, const char *consumer, int most)
{
	return receive_of(JOBS_SMALL, batch, consumer, most);
}

/* The first time the group is made. */
static inline struct job receive_one_of(enum jobs_lane lane, const char *consumer)
{
	struct batch batch;

	WAIT_FOR(receive_of(lane, &batch, consumer, 1) == 1);
	return batch.jobs[0];
}

static inline struct job receive_one(const char *consumer)
{
	return receive_one_of(JOBS_SMALL, consumer);
}

static inline int take_over_of(struct batch *batch, const char *consumer, long lease_ms, long max_deliveries, int most)
{
	*batch = (struct batch){0};
	jobs_take_over(redis, &scope, JOBS_SMALL, consumer, 0, lease_ms, max_deliveries, most, batch_received, batch);
	AWAIT(*batch);
	assert_int_equal(batch->status, STATUS_OK);
	return batch->n;
}

static inline int take_over(struct batch *batch, const char *consumer, long lease_ms)
{
	return take_over_of(batch, consumer, lease_ms, 10, JOBS_BATCH_MAX);
}

static inline void finish(const struct job *job, const char *digits)
{
	const struct job_finished finished = {.job = job, .digits = digits, .len = strlen(digits), .duration_us = 1234};
	struct outcome outcome = {0};

	jobs_finish(redis, &scope, CACHE_S, &finished, 1, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

static inline void bury(const struct job *job)
{
	struct outcome outcome = {0};

	jobs_bury(redis, &scope, job, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

/* Received and not acknowledged. */
static inline long long pending_count(void)
{
	redisReply *reply = fixture_reply(ARGV("XPENDING", "jobs", "workers"));
	long long number = reply->element[0]->integer;

	freeReplyObject(reply);
	return number;
}

/* ---- on the way to Postgres ---- */

struct unwritten {
	bool is_there;
	enum status status;
	int n;
	struct jobs_unwritten entries[JOBS_BATCH_MAX];
	char previews[JOBS_BATCH_MAX][100];
};

static inline void unwritten_received(enum status status, const struct jobs_unwritten *entries, int n, void *arg)
{
	struct unwritten *unwritten = arg;

	assert_false(unwritten->is_there);
	unwritten->is_there = true;
	unwritten->status = status;
	unwritten->n = n;
	for (int i = 0; i < n; i++) {
		const struct job_result *result = &entries[i].result;

		unwritten->entries[i] = entries[i];
		if (result->preview)
			snprintf(unwritten->previews[i], sizeof unwritten->previews[i], "%.*s", (int)result->preview_len,
				 result->preview);
	}
}

static inline int receive_unwritten(struct unwritten *unwritten)
{
	memset(unwritten, 0, sizeof *unwritten);
	jobs_unwritten_receive(blocking, &scope, 1, unwritten_received, unwritten);
	AWAIT(*unwritten);
	assert_int_equal(unwritten->status, STATUS_OK);
	return unwritten->n;
}

static inline int take_over_unwritten(struct unwritten *unwritten, long idle_ms)
{
	memset(unwritten, 0, sizeof *unwritten);
	jobs_unwritten_take_over(redis, &scope, idle_ms, unwritten_received, unwritten);
	AWAIT(*unwritten);
	assert_int_equal(unwritten->status, STATUS_OK);
	return unwritten->n;
}

/* As Postgres has it by now. */
static inline void mark_written(const struct jobs_unwritten *entry)
{
	struct jobs_written written = {.key = entry->result.key};
	struct outcome outcome = {0};

	memcpy(written.id, entry->id, sizeof written.id);
	jobs_written(redis, &scope, &written, 1, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

/* ---- whole ways ---- */

static inline void make_done(struct job_key key, const char *digits)
{
	struct job job;

	assert_int_equal(add(key), JOB_PENDING);
	job = receive_one("maker");
	assert_int_equal(job.key.index, key.index);
	finish(&job, digits);
}

static inline void make_dead(struct job_key key)
{
	struct job job;

	assert_int_equal(add(key), JOB_PENDING);
	job = receive_one("maker");
	assert_int_equal(job.key.index, key.index);
	bury(&job);
}

/* So many digits, no two of them in a row the same. The caller frees. */
static inline char *digits_of(size_t len)
{
	char *digits = mem_alloc(len + 1);

	for (size_t i = 0; i < len; i++)
		digits[i] = (char)('1' + i % 9);
	return digits;
}

#endif

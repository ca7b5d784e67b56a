/* The job protocol on a real Redis, as the values service sees it: adding, looking up, reading, refilling, retrying.
 * What finished, on its way to Postgres: io_unwritten.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

/* ---- adding ---- */

static void test_an_added_job_is_pending(void **state)
{
	assert_int_equal(add(FIB(7)), JOB_PENDING);
	assert_int_equal(state_of(FIB(7)), JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_adding_a_job_again_keeps_one_job(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(add(FIB(7)), JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_adding_a_job_that_is_being_calculated_keeps_one_job(void **state)
{
	add(FIB(7));
	receive_one("worker");
	assert_int_equal(add(FIB(7)), JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_adding_a_job_that_is_done_answers_done_and_adds_none(void **state)
{
	make_done(FIB(7), "21");
	assert_int_equal(add(FIB(7)), JOB_DONE);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
}

static void test_adding_a_dead_letter_answers_failed_and_adds_none(void **state)
{
	make_dead(FIB(7));
	assert_int_equal(add(FIB(7)), JOB_FAILED);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
}

static void test_the_same_index_of_two_kinds_is_two_jobs(void **state)
{
	add(FIB(7));
	assert_int_equal(state_of((struct job_key){KIND_LUCAS, 7}), JOB_ABSENT);
	assert_int_equal(add((struct job_key){KIND_LUCAS, 7}), JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), 2);
}

static void test_each_job_of_a_batch_gets_its_own_state_in_order(void **state)
{
	static const enum job_state expected[] = {JOB_PENDING, JOB_DONE, JOB_FAILED, JOB_PENDING};
	struct job_to_add jobs[JOBS_BATCH_MAX];
	struct outcome outcome = {.asked = JOBS_BATCH_MAX};

	make_done(FIB(1), "1");
	make_dead(FIB(2));
	add(FIB(3));
	for (int i = 0; i < JOBS_BATCH_MAX; i++)
		jobs[i] = (struct job_to_add){FIB(i), "request-1"};
	jobs_add(redis, &scope, ROOM(MOST), jobs, JOBS_BATCH_MAX, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	for (int i = 0; i < JOBS_BATCH_MAX; i++)
		assert_int_equal(outcome.states[i], i < 4 ? expected[i] : JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), JOBS_BATCH_MAX - 2);
}

static void test_the_same_job_twice_in_one_batch_is_one_job(void **state)
{
	const struct job_to_add jobs[] = {{FIB(7), "request-1"}, {FIB(7), "request-2"}};
	struct outcome outcome = {.asked = 2};

	jobs_add(redis, &scope, ROOM(MOST), jobs, 2, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.states[0], JOB_PENDING);
	assert_int_equal(outcome.states[1], JOB_PENDING);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
	assert_string_equal(receive_one("worker").request_id, "request-1");
}

static void test_a_job_for_which_the_window_has_no_room_is_not_added_and_absent(void **state)
{
	static const enum job_state expected[] = {JOB_PENDING, JOB_PENDING, JOB_ABSENT, JOB_PENDING, JOB_DONE};
	const struct job_to_add jobs[] = {{FIB(2), "r"}, {FIB(3), "r"}, {FIB(4), "r"}, {FIB(2), "r"}, {FIB(1), "r"}};
	struct outcome outcome = {.asked = 5};

	make_done(FIB(1), "1"); /* is in the window until it is written */
	jobs_add(redis, &scope, ROOM(3), jobs, 5, outcome_added, &outcome);
	AWAIT(outcome);
	for (int i = 0; i < 5; i++)
		assert_int_equal(outcome.states[i], expected[i]);
	assert_int_equal(BESIDE("XLEN", "jobs"), 2);
	assert_int_equal(BESIDE("HLEN", "{jobs}:window"), 3);
}

/* ---- looking up ---- */

enum { KEYS = 1000 };

struct looked_up {
	bool is_there;
	enum status status;
	int n;
	struct job_result results[KEYS];
	char previews[KEYS][100];
};

static void keep_results(enum status status, const struct job_result *results, int n, void *arg)
{
	struct looked_up *looked_up = arg;

	looked_up->is_there = true;
	looked_up->status = status;
	looked_up->n = n;
	for (int i = 0; i < n; i++) {
		looked_up->results[i] = results[i];
		snprintf(looked_up->previews[i], sizeof looked_up->previews[i], "%.*s", (int)results[i].preview_len,
			 results[i].preview ? results[i].preview : "");
	}
}

static const struct looked_up *look_up(const struct job_key *keys, int n)
{
	static struct looked_up looked_up;

	memset(&looked_up, 0, sizeof looked_up);
	jobs_look_up(redis, &scope, keys, n, keep_results, &looked_up);
	AWAIT(looked_up);
	assert_int_equal(looked_up.status, STATUS_OK);
	assert_int_equal(looked_up.n, n);
	return &looked_up;
}

static void test_states_are_looked_up_in_the_order_of_the_keys(void **state)
{
	const struct job_key keys[] = {FIB(4), FIB(3), FIB(2), FIB(1), FIB(3)};
	static const enum job_state expected[] = {JOB_ABSENT, JOB_PENDING, JOB_FAILED, JOB_DONE, JOB_PENDING};
	const struct looked_up *found;

	make_done(FIB(1), "1");
	make_dead(FIB(2));
	add(FIB(3));
	found = look_up(keys, 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(found->results[i].state, expected[i]);
		assert_int_equal(found->results[i].key.index, keys[i].index);
	}
}

static void test_a_thousand_are_looked_up_at_once(void **state)
{
	static struct job_key keys[KEYS];
	const struct looked_up *found;

	for (int i = 0; i < KEYS; i++)
		keys[i] = FIB(i);
	make_done(FIB(KEYS - 1), "1");
	found = look_up(keys, KEYS);
	for (int i = 0; i < KEYS - 1; i++)
		assert_int_equal(found->results[i].state, JOB_ABSENT);
	assert_int_equal(found->results[KEYS - 1].state, JOB_DONE);
}

static void test_a_looked_up_result_has_digits_duration_and_time(void **state)
{
	int64_t before_ms = clock_unix_ms();
	const struct looked_up *found;

	make_done(FIB(40), "165580141");
	found = look_up(&FIB(40), 1);
	assert_int_equal(found->results[0].digits, 9);
	assert_int_equal(found->results[0].duration_us, 1234);
	assert_in_range(found->results[0].calculated_unix_ms, before_ms, clock_unix_ms());
	assert_string_equal(found->previews[0], "165580141");
}

static void test_up_to_a_thousand_digits_the_preview_is_the_whole(void **state)
{
	char *digits = digits_of(JOBS_PREVIEW_DIGITS);
	const struct looked_up *found;

	make_done(FIB(1), digits);
	found = look_up(&FIB(1), 1);
	assert_int_equal(found->results[0].preview_len, JOBS_PREVIEW_DIGITS);
	assert_memory_equal(found->previews[0], digits, 99);
	free(digits);
}

static void test_beyond_a_thousand_digits_the_preview_is_both_ends_and_their_number(void **state)
{
	char *digits = digits_of(JOBS_PREVIEW_DIGITS + 1);
	const struct looked_up *found;

	make_done(FIB(1), digits);
	free(digits);
	found = look_up(&FIB(1), 1);
	assert_int_equal(found->results[0].digits, JOBS_PREVIEW_DIGITS + 1);
	assert_string_equal(found->previews[0], "12345678912345678912…12345678912345678912 (1001 digits)");
}

/* ---- reading ---- */

static void expect_whole(size_t len)
{
	char *digits = digits_of(len);
	struct outcome outcome;

	make_done(FIB(1), digits);
	outcome = len > JOBS_PREVIEW_DIGITS ? read_decimal(FIB(1)) : look_up_one(FIB(1));
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(outcome.len, len);
	assert_memory_equal(outcome.digits, digits, len);
	free(outcome.digits);
	free(digits);
}

static void test_one_digit_is_read_as_it_was_written(void **state)
{
	expect_whole(1);
}

static void test_a_thousand_digits_are_read_as_they_were_written(void **state)
{
	expect_whole(JOBS_PREVIEW_DIGITS);
}

static void test_a_thousand_and_one_digits_are_read_as_they_were_written(void **state)
{
	expect_whole(JOBS_PREVIEW_DIGITS + 1);
}

static void test_a_million_digits_are_read_as_they_were_written(void **state)
{
	expect_whole(1000000);
}

static void test_a_missing_result_is_not_found_and_its_state_says_why(void **state)
{
	make_dead(FIB(2));
	add(FIB(3));
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	assert_int_equal(state_of(FIB(2)), JOB_FAILED);
	assert_int_equal(state_of(FIB(3)), JOB_PENDING);
}

static enum status ask(struct job_key key)
{
	struct outcome outcome = {0};

	jobs_ask_decimal(redis, &scope, key, "request-1", outcome_done, &outcome);
	AWAIT(outcome);
	return outcome.status;
}

struct asked {
	bool is_there, is_one;
	struct job_key key;
	char request_id[JOBS_REQUEST_ID_BYTES];
};

static void asked_received(enum status status, const struct job_key *key, const char *request_id, void *arg)
{
	struct asked *asked = arg;

	*asked = (struct asked){.is_there = true, .is_one = key};
	if (!key)
		return;
	asked->key = *key;
	snprintf(asked->request_id, sizeof asked->request_id, "%s", request_id);
}

static struct asked receive_asked(void)
{
	struct asked asked = {0};

	jobs_asked_receive(blocking, &scope, asked_received, &asked);
	AWAIT(asked);
	return asked;
}

static void test_a_decimal_that_many_ask_for_is_received_once(void **state)
{
	struct asked asked;

	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(FIB(7)), STATUS_OK);
	assert_int_equal(BESIDE("LLEN", "{jobs}:asked"), 1);
	asked = receive_asked();
	assert_true(asked.is_one && asked.key.kind == KIND_FIBONACCI && asked.key.index == 7);
	assert_string_equal(asked.request_id, "request-1");
	assert_int_equal(ask(FIB(7)), STATUS_OK);
	assert_int_equal(BESIDE("LLEN", "{jobs}:asked"), 0);
	assert_in_range(BESIDE("PTTL", "{jobs}:asked:fibonacci:7"), 1, JOBS_ASKED_MS);
}

/* Ten seconds later: the mark is gone, and workers that are busy have not come to the decimal yet. */
static void test_a_decimal_that_waits_for_longer_than_its_mark_is_received_once(void **state)
{
	ask(FIB(7));
	ask(FIB(77));
	BESIDE("DEL", "{jobs}:asked:fibonacci:7", "{jobs}:asked:fibonacci:77");
	assert_int_equal(ask(FIB(7)), STATUS_OK);
	assert_in_range(BESIDE("PTTL", "{jobs}:asked:fibonacci:7"), 1, JOBS_ASKED_MS);
	assert_int_equal(BESIDE("LLEN", "{jobs}:asked"), 2);
	assert_int_equal(receive_asked().key.index, 7);
	assert_int_equal(receive_asked().key.index, 77);
}

static void test_a_decimal_that_was_stored_for_its_readers_may_be_asked_for_again(void **state)
{
	struct outcome outcome = {0}, read;

	ask(FIB(7));
	receive_asked();
	jobs_asked_finish(redis, &scope, CACHE_S, FIB(7), "21", 2, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	read = read_decimal(FIB(7));
	assert_string_equal(read.digits, "21");
	free(read.digits);
	assert_in_range(BESIDE("TTL", "result:fibonacci:7"), 1, CACHE_S);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:asked:fibonacci:7"), 0);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 0);
	ask(FIB(7));
	assert_true(receive_asked().is_one);
}

static void test_no_more_decimals_are_asked_for_than_may_wait(void **state)
{
	for (int i = 0; i < JOBS_ASKED_MAX; i++)
		assert_int_equal(ask(FIB(i)), STATUS_OK);
	assert_int_equal(ask(FIB(JOBS_ASKED_MAX)), STATUS_BUSY);
	assert_int_equal(ask(FIB(0)), STATUS_OK);
	assert_in_range(BESIDE("PTTL", "{jobs}:asked"), 1, JOBS_ASKED_MS);
}

static void test_what_another_program_asks_for_is_taken_off_the_list(void **state)
{
	BESIDE("RPUSH", "{jobs}:asked", "nonsense");
	assert_false(receive_asked().is_one);
	assert_int_equal(BESIDE("LLEN", "{jobs}:asked"), 0);
}

static void test_a_decimal_that_redis_does_not_have_is_not_found(void **state)
{
	assert_int_equal(read_decimal(FIB(1)).status, STATUS_NOT_FOUND);
	make_done(FIB(1), "1");
	assert_int_equal(read_decimal(FIB(1)).status, STATUS_NOT_FOUND);
}

/* ---- refilling ---- */

static void test_refill_adds_only_what_is_missing(void **state)
{
	const struct job_key keys[] = {FIB(1), FIB(2), FIB(3), FIB(4), {KIND_LUCAS, 1}};

	make_done(FIB(1), "1");
	make_dead(FIB(2));
	add(FIB(3));
	assert_int_equal(refill(keys, 5), 2);
	assert_int_equal(BESIDE("XLEN", "jobs"), 3);
	assert_int_equal(state_of(FIB(4)), JOB_PENDING);
	assert_int_equal(state_of((struct job_key){KIND_LUCAS, 1}), JOB_PENDING);
}

static void test_a_second_refill_adds_nothing(void **state)
{
	const struct job_key keys[] = {FIB(1), FIB(2)};

	assert_int_equal(refill(keys, 2), 2);
	assert_int_equal(refill(keys, 2), 0);
}

static void test_refill_does_not_add_what_is_being_calculated(void **state)
{
	add(FIB(1));
	receive_one("worker");
	assert_int_equal(refill(&FIB(1), 1), 0);
}

static void test_when_only_the_stream_is_lost_refill_adds_its_jobs_again(void **state)
{
	struct job job;

	add(FIB(1));
	BESIDE("DEL", "jobs");
	assert_int_equal(refill(&FIB(1), 1), 1);
	job = receive_one("worker");
	assert_int_equal(job.key.index, 1);
	assert_string_equal(job.request_id, "refill");
}

/* The key holds another type. */
static void test_a_job_that_could_not_be_queued_is_refilled_later(void **state)
{
	const struct job_to_add job = {FIB(7), "request-1"};
	struct outcome outcome = {.asked = 1};

	BESIDE("SET", "jobs", "no stream");
	jobs_add(redis, &scope, ROOM(MOST), &job, 1, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_INTERNAL);
	BESIDE("DEL", "jobs");
	assert_int_equal(refill(&FIB(7), 1), 1);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_a_whole_batch_is_refilled_at_once(void **state)
{
	struct job_key keys[JOBS_BATCH_MAX];

	for (int i = 0; i < JOBS_BATCH_MAX; i++)
		keys[i] = FIB(i);
	assert_int_equal(refill(keys, JOBS_BATCH_MAX), JOBS_BATCH_MAX);
	assert_int_equal(BESIDE("XLEN", "jobs"), JOBS_BATCH_MAX);
}

static void test_a_refilled_job_is_calculated_like_any_other(void **state)
{
	struct job job;

	refill(&FIB(7), 1);
	job = receive_one("worker");
	finish(&job, "21");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
	assert_int_equal(refill(&FIB(7), 1), 0);
}

static void test_refill_stops_when_the_window_is_full_and_says_so(void **state)
{
	const struct job_key keys[] = {FIB(1), FIB(2), FIB(3)};
	struct outcome outcome = refill_into(ROOM(2), keys, 3);

	assert_int_equal(outcome.added, 2);
	assert_true(outcome.is_full);
	outcome = refill_into(ROOM(3), keys, 3);
	assert_int_equal(outcome.added, 1);
	assert_false(outcome.is_full);
}

static void test_refill_adds_what_a_full_window_names_and_the_stream_lost(void **state)
{
	add(FIB(1));
	BESIDE("DEL", "jobs");
	assert_int_equal(refill_into(ROOM(1), &FIB(1), 1).added, 1);
}

static void test_a_summary_that_is_lost_before_it_was_written_is_refilled(void **state)
{
	make_done(FIB(1), "1");
	assert_int_equal(refill(&FIB(1), 1), 0);
	BESIDE("DEL", "{jobs}:finished");
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	assert_int_equal(refill(&FIB(1), 1), 1);
}

static enum jobs_refill_verdict begin_refill(const char *process, long most, bool needs_half, bool is_urgent)
{
	return begin_round((struct jobs_refiller){.process = process,
						  .lease_ms = 200,
						  .room = ROOM(most),
						  .wants = {true, false},
						  .needs_half = needs_half,
						  .is_urgent = is_urgent});
}

static void end_refill(long rest_ms)
{
	jobs_refill_end(redis, &scope, &round_begun, rest_ms, (const enum jobs_waiting[JOBS_LANES]){JOBS_WAITING_UNKNOWN});
}

static void test_one_process_refills_at_a_time(void **state)
{
	struct jobs_refiller of_a;

	assert_int_equal(begin_refill("a", MOST, false, true), JOBS_REFILL_BEGIN);
	of_a = round_begun;
	assert_int_equal(begin_refill("b", MOST, false, true), JOBS_REFILL_OTHER);
	end_refill(0); /* it is not b's to end */
	assert_int_equal(begin_refill("b", MOST, false, true), JOBS_REFILL_OTHER);
	jobs_refill_end(redis, &scope, &of_a, 0, (const enum jobs_waiting[JOBS_LANES]){JOBS_WAITING_UNKNOWN});
	assert_int_equal(begin_refill("b", MOST, false, false), JOBS_REFILL_BEGIN);
}

static void test_a_process_that_died_refilling_is_replaced_after_its_lease(void **state)
{
	assert_int_equal(begin_refill("a", MOST, false, true), JOBS_REFILL_BEGIN);
	WAIT_FOR(begin_refill("b", MOST, false, false) == JOBS_REFILL_BEGIN);
}

static void test_after_a_complete_refill_only_what_is_urgent_begins_another(void **state)
{
	assert_int_equal(begin_refill("a", MOST, false, true), JOBS_REFILL_BEGIN);
	end_refill(60000);
	assert_int_equal(begin_refill("a", MOST, false, false), JOBS_REFILL_OTHER);
	assert_int_equal(begin_refill("b", MOST, false, false), JOBS_REFILL_OTHER);
	assert_int_equal(begin_refill("b", MOST, false, true), JOBS_REFILL_BEGIN);
}

static void test_with_too_little_room_no_refill_begins(void **state)
{
	add(FIB(1));
	add(FIB(2));
	BESIDE("HSET", "{jobs}:load", "small_waits", "1");
	assert_int_equal(begin_refill("a", 3, true, true), JOBS_REFILL_FULL);
	assert_int_equal(begin_refill("a", 4, true, true), JOBS_REFILL_BEGIN);
	assert_int_equal(begin_refill("a", 3, false, true), JOBS_REFILL_BEGIN);
}

static void test_a_window_of_which_all_else_is_lost_is_emptied(void **state)
{
	add(FIB(1));
	BESIDE("DEL", "jobs");
	assert_int_equal(begin_refill("a", 1, true, true), JOBS_REFILL_BEGIN);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:window"), 0);
}

/* ---- what finishes while a refill runs ---- */

#define MANY "10001" /* leave.lua notes one less */

/* Values read it in Postgres as pending, and it finishes and is written before the batch reaches Redis. */
static void finish_and_write(struct job_key key)
{
	struct unwritten unwritten;

	make_done(key, "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	mark_written(&unwritten.entries[0]);
}

static void fail_and_write(struct job_key key)
{
	struct unwritten unwritten;

	make_dead(key);
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	mark_written(&unwritten.entries[0]);
}

static void test_what_is_written_while_a_refill_runs_is_not_added(void **state)
{
	const struct job_key keys[] = {FIB(1), FIB(2)};

	begin_refill("a", MOST, false, true);
	finish_and_write(FIB(1));
	assert_int_equal(refill_batch(keys, 2).added, 1);
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	assert_int_equal(state_of(FIB(2)), JOB_PENDING);
}

static void outcome_cancelled(enum status status, const struct job_key *keys, int n, void *arg)
{
	outcome_done(status, arg);
}

static void cancel(struct job_key key)
{
	struct outcome outcome = {0};

	jobs_cancel(redis, &scope, &key, 1, outcome_cancelled, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

static void test_what_is_cancelled_while_a_refill_runs_is_not_added(void **state)
{
	begin_refill("a", MOST, false, true);
	add(FIB(1));
	cancel(FIB(1));
	assert_int_equal(refill_batch(&FIB(1), 1).added, 0);
}

static void test_a_batch_of_an_earlier_round_adds_nothing(void **state)
{
	begin_refill("a", MOST, false, true);
	round_begun.round--;
	assert_int_equal(refill_batch(&FIB(1), 1).status, STATUS_CONFLICT);
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	round_begun.round++;
	assert_int_equal(refill_batch(&FIB(1), 1).added, 1);
}

static void test_what_is_written_as_failed_while_a_refill_runs_is_not_added(void **state)
{
	begin_refill("a", MOST, false, true);
	fail_and_write(FIB(1));
	assert_int_equal(refill_batch(&FIB(1), 1).added, 0);
	assert_int_equal(state_of(FIB(1)), JOB_FAILED);
}

static void test_what_was_written_before_a_refill_began_is_forgotten(void **state)
{
	begin_refill("a", MOST, false, true);
	finish_and_write(FIB(1));
	begin_refill("a", MOST, false, true);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:gone"), 0);
	finish_and_write(FIB(2));
	end_refill(60000);
	assert_int_equal(refill_batch(&FIB(3), 1).status, STATUS_CONFLICT);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:gone"), 0);
	finish_and_write(FIB(3));
	assert_int_equal(BESIDE("EXISTS", "{jobs}:gone"), 0);
}

static void test_a_refill_ends_when_more_finishes_than_is_noted(void **state)
{
	begin_refill("a", MOST, false, true);
	BESIDE("EVAL", "for i = 2, tonumber(ARGV[1]) do redis.call('SADD', KEYS[1], i) end", "1", "{jobs}:gone", MANY);
	finish_and_write(FIB(1));
	assert_int_equal(refill_batch(&FIB(2), 1).status, STATUS_CONFLICT);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:gone"), 0);
}

/* ---- retrying ---- */

static void test_a_dead_letter_that_is_retried_is_a_job_again(void **state)
{
	struct job job;

	make_dead(FIB(7));
	assert_int_equal(retry(FIB(7)), STATUS_OK);
	assert_int_equal(state_of(FIB(7)), JOB_PENDING);
	job = receive_one("worker");
	assert_int_equal(job.key.index, 7);
	assert_string_equal(job.request_id, "retry");
}

static void test_a_job_without_a_dead_letter_cannot_be_retried(void **state)
{
	make_done(FIB(1), "1");
	add(FIB(2));
	assert_int_equal(retry(FIB(1)), STATUS_NOT_FOUND);
	assert_int_equal(retry(FIB(2)), STATUS_NOT_FOUND);
	assert_int_equal(retry(FIB(3)), STATUS_NOT_FOUND);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_what_failed_according_to_postgres_is_retried_without_a_letter(void **state)
{
	struct outcome outcome = {0};

	jobs_retry(redis, &scope, FIB(7), true, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(receive_one("worker").key.index, 7);
}

/* Postgres says that it is pending, and Redis has not learned of the retry. */
static void test_a_dead_letter_that_was_written_and_is_pending_again_is_refilled(void **state)
{
	fail_and_write(FIB(7));
	assert_int_equal(refill(&FIB(7), 1), 1);
	assert_int_equal(state_of(FIB(7)), JOB_PENDING);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:dead"), 0);
	assert_string_equal(receive_one("worker").request_id, "refill");
	assert_int_equal(refill(&FIB(7), 1), 0);
}

static void test_a_dead_letter_that_is_pending_again_waits_for_room(void **state)
{
	fail_and_write(FIB(7));
	add(FIB(1));
	assert_true(refill_into(ROOM(1), &FIB(7), 1).is_full);
	assert_int_equal(state_of(FIB(7)), JOB_FAILED);
	assert_int_equal(refill(&FIB(7), 1), 1);
}

static void test_a_dead_letter_of_the_version_before_is_refilled_when_nothing_is_unwritten(void **state)
{
	BESIDE("HSET", "{jobs}:dead", "fibonacci:7", "5 1000 17-4");
	make_done(FIB(1), "1");
	assert_int_equal(refill(&FIB(7), 1), 0);
	BESIDE("DEL", "{jobs}:finished");
	assert_int_equal(refill(&FIB(7), 1), 1);
}

/* ---- cancelling ---- */

static void test_of_a_cancelled_job_nothing_is_left_whether_it_waits_or_a_worker_has_it(void **state)
{
	add(FIB(1));
	receive_one("worker");
	add(FIB(2));
	add(FIB(3));
	cancel(FIB(1));
	cancel(FIB(2));
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	assert_int_equal(state_of(FIB(2)), JOB_ABSENT);
	assert_int_equal(receive_one("worker").key.index, 3);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static void test_the_result_of_a_job_that_was_cancelled_is_dropped(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	cancel(FIB(7));
	finish(&job, "13");
	assert_int_equal(state_of(FIB(7)), JOB_ABSENT);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 0);
}

static void test_a_job_that_was_cancelled_and_added_again_gets_the_result_of_the_first_worker(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	cancel(FIB(7));
	assert_int_equal(add(FIB(7)), JOB_PENDING);
	finish(&job, "13");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
}

static void test_a_summary_that_is_not_written_yet_is_not_cancelled_and_a_dead_letter_is(void **state)
{
	make_done(FIB(1), "1");
	make_dead(FIB(2));
	cancel(FIB(1));
	cancel(FIB(2));
	assert_int_equal(state_of(FIB(1)), JOB_DONE);
	assert_int_equal(state_of(FIB(2)), JOB_ABSENT);
}

/* ---- an emptied Redis ---- */

static void test_after_redis_was_emptied_all_is_absent_and_can_be_added(void **state)
{
	make_done(FIB(1), "1");
	make_dead(FIB(2));
	add(FIB(3));
	BESIDE("FLUSHDB");
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(state_of(FIB(i)), JOB_ABSENT);
		assert_int_equal(add(FIB(i)), JOB_PENDING);
	}
	assert_int_equal(BESIDE("XLEN", "jobs"), 3);
}

/* ---- no Redis ---- */

static void test_without_a_connection_every_call_is_unavailable(void **state)
{
	struct looked_up *looked_up = mem_alloc(sizeof *looked_up);
	struct outcome added = {0}, refilled = {0}, read = {0}, retried = {0}, counted = {0};

	assert_int_equal(fixture_kill(), 2);
	WAIT_FOR(!redis_is_ready(redis));
	jobs_add(redis, &scope, ROOM(MOST), &(struct job_to_add){FIB(1), "request-1"}, 1, outcome_added, &added);
	jobs_refill(redis, &scope, &round_begun, &FIB(1), 1, outcome_refilled, &refilled);
	jobs_look_up(redis, &scope, &FIB(1), 1, keep_results, looked_up);
	jobs_read_decimal(redis, &scope, FIB(1), outcome_read, &read);
	jobs_retry(redis, &scope, FIB(1), false, outcome_done, &retried);
	jobs_count(redis, &scope, outcome_counted, &counted);
	AWAIT(counted);
	assert_int_equal(added.status, STATUS_UNAVAILABLE);
	assert_int_equal(refilled.status, STATUS_UNAVAILABLE);
	assert_int_equal(looked_up->status, STATUS_UNAVAILABLE);
	assert_int_equal(looked_up->n, 0);
	assert_int_equal(read.status, STATUS_UNAVAILABLE);
	assert_int_equal(retried.status, STATUS_UNAVAILABLE);
	assert_int_equal(counted.status, STATUS_UNAVAILABLE);
	free(looked_up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_an_added_job_is_pending),
		JOBS_TEST(test_adding_a_job_again_keeps_one_job),
		JOBS_TEST(test_adding_a_job_that_is_being_calculated_keeps_one_job),
		JOBS_TEST(test_adding_a_job_that_is_done_answers_done_and_adds_none),
		JOBS_TEST(test_adding_a_dead_letter_answers_failed_and_adds_none),
		JOBS_TEST(test_the_same_index_of_two_kinds_is_two_jobs),
		JOBS_TEST(test_each_job_of_a_batch_gets_its_own_state_in_order),
		JOBS_TEST(test_the_same_job_twice_in_one_batch_is_one_job),
		JOBS_TEST(test_a_job_for_which_the_window_has_no_room_is_not_added_and_absent),
		JOBS_TEST(test_states_are_looked_up_in_the_order_of_the_keys),
		JOBS_TEST(test_a_thousand_are_looked_up_at_once),
		JOBS_TEST(test_a_looked_up_result_has_digits_duration_and_time),
		JOBS_TEST(test_up_to_a_thousand_digits_the_preview_is_the_whole),
		JOBS_TEST(test_beyond_a_thousand_digits_the_preview_is_both_ends_and_their_number),
		JOBS_TEST(test_one_digit_is_read_as_it_was_written),
		JOBS_TEST(test_a_thousand_digits_are_read_as_they_were_written),
		JOBS_TEST(test_a_thousand_and_one_digits_are_read_as_they_were_written),
		JOBS_TEST(test_a_million_digits_are_read_as_they_were_written),
		JOBS_TEST(test_a_missing_result_is_not_found_and_its_state_says_why),
		JOBS_TEST(test_a_decimal_that_redis_does_not_have_is_not_found),
		JOBS_TEST(test_a_decimal_that_many_ask_for_is_received_once),
		JOBS_TEST(test_a_decimal_that_waits_for_longer_than_its_mark_is_received_once),
		JOBS_TEST(test_a_decimal_that_was_stored_for_its_readers_may_be_asked_for_again),
		JOBS_TEST(test_no_more_decimals_are_asked_for_than_may_wait),
		JOBS_TEST(test_what_another_program_asks_for_is_taken_off_the_list),
		JOBS_TEST(test_refill_adds_only_what_is_missing),
		JOBS_TEST(test_a_second_refill_adds_nothing),
		JOBS_TEST(test_refill_does_not_add_what_is_being_calculated),
		JOBS_TEST(test_when_only_the_stream_is_lost_refill_adds_its_jobs_again),
		JOBS_TEST(test_a_job_that_could_not_be_queued_is_refilled_later),
		JOBS_TEST(test_a_whole_batch_is_refilled_at_once),
		JOBS_TEST(test_a_refilled_job_is_calculated_like_any_other),
		JOBS_TEST(test_refill_stops_when_the_window_is_full_and_says_so),
		JOBS_TEST(test_refill_adds_what_a_full_window_names_and_the_stream_lost),
		JOBS_TEST(test_a_summary_that_is_lost_before_it_was_written_is_refilled),
		JOBS_TEST(test_one_process_refills_at_a_time),
		JOBS_TEST(test_a_process_that_died_refilling_is_replaced_after_its_lease),
		JOBS_TEST(test_after_a_complete_refill_only_what_is_urgent_begins_another),
		JOBS_TEST(test_with_too_little_room_no_refill_begins),
		JOBS_TEST(test_a_window_of_which_all_else_is_lost_is_emptied),
		JOBS_TEST(test_what_is_written_while_a_refill_runs_is_not_added),
		JOBS_TEST(test_what_is_cancelled_while_a_refill_runs_is_not_added),
		JOBS_TEST(test_a_batch_of_an_earlier_round_adds_nothing),
		JOBS_TEST(test_what_is_written_as_failed_while_a_refill_runs_is_not_added),
		JOBS_TEST(test_what_was_written_before_a_refill_began_is_forgotten),
		JOBS_TEST(test_a_refill_ends_when_more_finishes_than_is_noted),
		JOBS_TEST(test_a_dead_letter_that_is_retried_is_a_job_again),
		JOBS_TEST(test_a_job_without_a_dead_letter_cannot_be_retried),
		JOBS_TEST(test_what_failed_according_to_postgres_is_retried_without_a_letter),
		JOBS_TEST(test_a_dead_letter_that_was_written_and_is_pending_again_is_refilled),
		JOBS_TEST(test_a_dead_letter_that_is_pending_again_waits_for_room),
		JOBS_TEST(test_a_dead_letter_of_the_version_before_is_refilled_when_nothing_is_unwritten),
		JOBS_TEST(test_of_a_cancelled_job_nothing_is_left_whether_it_waits_or_a_worker_has_it),
		JOBS_TEST(test_the_result_of_a_job_that_was_cancelled_is_dropped),
		JOBS_TEST(test_a_job_that_was_cancelled_and_added_again_gets_the_result_of_the_first_worker),
		JOBS_TEST(test_a_summary_that_is_not_written_yet_is_not_cancelled_and_a_dead_letter_is),
		JOBS_TEST(test_after_redis_was_emptied_all_is_absent_and_can_be_added),
		JOBS_TEST(test_without_a_connection_every_call_is_unavailable),
	};

	return fixture_run("jobs/io_producer", tests, sizeof tests / sizeof *tests);
}

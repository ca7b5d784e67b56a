/* The two lanes on a real Redis: which jobs are on which, how much of the large one is in the window, and how many workers
 * there are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

/* Indexes this large have the same estimate (kind_estimate_us()), so each job counts for as much work. */
#define LARGE_FIRST INT64_C(2000000000000)
#define LARGE_FIRST_TEXT "2000000000000"
#define LARGE(i) ((struct job_key){KIND_FIBONACCI, LARGE_FIRST + (i)})
#define LARGE_EACH_US kind_estimate_us(KIND_FIBONACCI, LARGE_FIRST)

static enum job_state add_to(struct jobs_room room, struct job_key key)
{
	const struct job_to_add job = {key, "request-1"};
	struct outcome outcome = {.asked = 1};

	jobs_add(redis, &scope, room, &job, 1, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome.states[0];
}

static struct jobs_room room_of(int jobs)
{
	return (struct jobs_room){.names = MOST, .large_us = jobs * LARGE_EACH_US};
}

static int64_t load_of(const char *field)
{
	char *text = BESIDE_TEXT("HGET", "{jobs}:load", field);
	int64_t number = text ? strtoll(text, NULL, 10) : 0;

	free(text);
	return number;
}

static int64_t load_us(void)
{
	return load_of("us");
}

static void present_at(const char *worker, long threads, long pace_percent)
{
	struct outcome outcome = {0};

	jobs_present(redis, &scope, worker, threads, pace_percent, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

static void present(const char *worker, long threads)
{
	present_at(worker, threads, 100);
}

static void test_small_and_large_jobs_are_on_lanes_of_their_own(void **state)
{
	struct batch batch;

	add(FIB(7));
	add(LARGE(0));
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
	assert_int_equal(BESIDE("XLEN", "{jobs}:large"), 1);
	assert_int_equal(receive_one("worker").key.index, 7);
	assert_int_equal(receive(&batch, "worker", 8), 0);
	assert_int_equal(receive_one_of(JOBS_LARGE, "worker").key.index, LARGE_FIRST);
}

static void test_the_large_lane_takes_jobs_until_it_has_its_share_of_work(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(add_to(room_of(3), LARGE(i)), JOB_PENDING);
	assert_int_equal(add_to(room_of(3), LARGE(3)), JOB_ABSENT);
	assert_int_equal(add_to(room_of(3), LARGE(1)), JOB_PENDING);
	assert_int_equal(add_to(room_of(3), FIB(7)), JOB_PENDING);
}

static void test_one_job_fits_however_large_it_is(void **state)
{
	const struct jobs_room room = {.names = MOST, .large_us = 1};

	assert_int_equal(add_to(room, LARGE(0)), JOB_PENDING);
	assert_int_equal(add_to(room, LARGE(1)), JOB_ABSENT);
}

static void test_a_full_lane_of_small_jobs_keeps_no_large_one_out(void **state)
{
	const struct jobs_room room = {.names = 2, .large_us = 1};
	const struct job_key keys[] = {LARGE(1)};

	assert_int_equal(add_to(room, FIB(7)), JOB_PENDING);
	assert_int_equal(add_to(room, FIB(8)), JOB_PENDING);
	assert_int_equal(add_to(room, FIB(9)), JOB_ABSENT);
	assert_int_equal(add_to(room, LARGE(0)), JOB_PENDING);
	BESIDE("DEL", "{jobs}:large");
	BESIDE("HDEL", "{jobs}:window", "fibonacci:" LARGE_FIRST_TEXT);
	assert_int_equal(refill_into(room, keys, 1).added, 1);
}

static void test_what_finished_and_is_not_written_stops_both_lanes(void **state)
{
	const struct jobs_room room = {.names = 2, .large_us = 100 * LARGE_EACH_US};
	struct job job;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(add_to(room, LARGE(i)), JOB_PENDING);
		job = receive_one_of(JOBS_LARGE, "worker");
		finish(&job, "21");
	}
	assert_int_equal(add_to(room, LARGE(2)), JOB_ABSENT);
	assert_int_equal(add_to(room, FIB(7)), JOB_ABSENT);
}

static void test_the_large_lane_has_a_share_for_each_thread_of_the_workers_that_are_there(void **state)
{
	present("a", 1);
	present("b", 2);
	present("b", 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(add_to(room_of(1), LARGE(i)), JOB_PENDING);
	assert_int_equal(add_to(room_of(1), LARGE(3)), JOB_ABSENT);
	present("b", 0);
	assert_int_equal(BESIDE("HLEN", "{jobs}:workers"), 1);
	assert_int_equal(load_of("threads"), 1);
}

static void test_threads_that_take_twice_as_long_as_estimated_have_half_a_share(void **state)
{
	present_at("a", 4, 50);
	present_at("b", 1, 20);
	for (int i = 0; i < 3; i++)
		assert_int_equal(add_to(room_of(1), LARGE(i)), JOB_PENDING);
	assert_int_equal(add_to(room_of(1), LARGE(3)), JOB_ABSENT);
}

static void test_a_worker_that_is_silent_is_forgotten(void **state)
{
	BESIDE("HSET", "{jobs}:workers", "killed", "64 1000", "of another program", "x", "of a clock ahead",
	       "64 99999999999999");
	present("a", 2);
	assert_int_equal(load_of("threads"), 2);
	assert_int_equal(BESIDE("HLEN", "{jobs}:workers"), 1);
}

static void test_a_large_job_that_is_finished_makes_room(void **state)
{
	struct job job;

	add_to(room_of(2), LARGE(0));
	add_to(room_of(2), LARGE(1));
	job = receive_one_of(JOBS_LARGE, "worker");
	assert_int_equal(load_us(), 2 * LARGE_EACH_US);
	finish(&job, "21");
	assert_int_equal(load_us(), LARGE_EACH_US);
	finish(&job, "21");
	assert_int_equal(load_us(), LARGE_EACH_US);
	assert_int_equal(add_to(room_of(2), LARGE(2)), JOB_PENDING);
}

static void test_a_large_job_that_becomes_a_dead_letter_makes_room_and_a_retry_takes_it(void **state)
{
	struct job job;

	add(LARGE(0));
	job = receive_one_of(JOBS_LARGE, "worker");
	bury(&job);
	assert_int_equal(load_us(), 0);
	assert_int_equal(retry(LARGE(0)), STATUS_OK);
	assert_int_equal(load_us(), LARGE_EACH_US);
	assert_int_equal(receive_one_of(JOBS_LARGE, "worker").key.index, LARGE_FIRST);
}

static void cancelled(enum status status, const struct job_key *keys, int n, void *arg)
{
	outcome_done(status, arg);
}

static void test_a_large_job_that_is_cancelled_makes_room(void **state)
{
	const struct job_key key = LARGE(0);
	struct outcome outcome = {0};

	add_to(room_of(2), key);
	add_to(room_of(2), LARGE(1));
	jobs_cancel(redis, &scope, &key, 1, cancelled, &outcome);
	AWAIT(outcome);
	assert_int_equal(BESIDE("XLEN", "{jobs}:large"), 1);
	assert_int_equal(load_us(), LARGE_EACH_US);
	assert_int_equal(state_of(key), JOB_ABSENT);
}

static void test_a_large_job_of_a_dead_worker_is_taken_over_on_its_lane_and_buried_there(void **state)
{
	struct batch batch;
	struct job job;

	add(LARGE(0));
	job = receive_one_of(JOBS_LARGE, "worker-1");
	assert_int_equal(take_over(&batch, "worker-2", 0), 0);
	batch = (struct batch){0};
	jobs_take_over(redis, &scope, JOBS_LARGE, "worker-2", 0, 0, 10, 8, batch_received, &batch);
	AWAIT(batch);
	assert_int_equal(batch.n, 1);
	assert_int_equal(batch.jobs[0].lane, JOBS_LARGE);
	assert_string_equal(batch.jobs[0].id, job.id);
	batch = (struct batch){0};
	jobs_take_over(redis, &scope, JOBS_LARGE, "worker-3", 0, 0, 2, 8, batch_received, &batch);
	AWAIT(batch);
	assert_int_equal(batch.n, 0);
	assert_int_equal(state_of(LARGE(0)), JOB_FAILED);
	assert_int_equal(load_us(), 0);
}

static void test_a_large_job_that_is_handed_back_is_there_for_another(void **state)
{
	struct outcome outcome = {0};
	struct batch batch = {0};
	struct job job;

	add(LARGE(0));
	job = receive_one_of(JOBS_LARGE, "worker-1");
	jobs_release(redis, &scope, "worker-1", &job, 1, LEASE_MS, outcome_done, &outcome);
	AWAIT(outcome);
	jobs_take_over(redis, &scope, JOBS_LARGE, "worker-2", 0, LEASE_MS, 10, 8, batch_received, &batch);
	AWAIT(batch);
	assert_int_equal(batch.n, 1);
}

static void test_a_sum_that_was_lost_or_is_left_over_counts_for_nothing_once_the_lane_is_empty(void **state)
{
	struct job job;

	add_to(room_of(1), LARGE(0));
	BESIDE("HDEL", "{jobs}:load", "us");
	job = receive_one_of(JOBS_LARGE, "worker");
	finish(&job, "21");
	assert_int_equal(load_us(), 0);
	BESIDE("HSET", "{jobs}:load", "us", "999999999");
	assert_int_equal(add_to(room_of(1), LARGE(1)), JOB_PENDING);
	assert_int_equal(load_us(), LARGE_EACH_US);
}

/* A version before had one lane. */
static void test_a_large_job_on_the_small_lane_is_calculated_like_any_other(void **state)
{
	struct job job;

	BESIDE("XADD", "jobs", "5-1", "kind", "fibonacci", "index", LARGE_FIRST_TEXT, "request_id", "r");
	BESIDE("HSET", "{jobs}:window", "fibonacci:" LARGE_FIRST_TEXT, "5-1");
	assert_int_equal(refill(&LARGE(0), 1), 0);
	job = receive_one("worker");
	assert_int_equal(job.lane, JOBS_SMALL);
	finish(&job, "21");
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(state_of(LARGE(0)), JOB_DONE);
}

/* ---- refilling ---- */

static void begin(struct jobs_room room, bool wants_small, bool wants_large, bool needs_half)
{
	begin_round((struct jobs_refiller){.process = "a",
					   .lease_ms = 10000,
					   .room = room,
					   .wants = {wants_small, wants_large},
					   .needs_half = needs_half,
					   .is_urgent = true});
}

static void test_a_refill_begins_for_the_lanes_that_are_wanted_and_half_free(void **state)
{
	add_to(room_of(9), LARGE(0));
	add_to(room_of(9), LARGE(1));
	assert_int_equal(add_to(room_of(2), LARGE(2)), JOB_ABSENT);
	begin(room_of(3), true, true, true);
	assert_true(round_answer.verdict == JOBS_REFILL_BEGIN && round_answer.lanes[JOBS_SMALL] &&
		    !round_answer.lanes[JOBS_LARGE]);
	assert_int_equal(round_answer.large_count, 2);
	begin(room_of(3), false, true, true);
	assert_int_equal(round_answer.verdict, JOBS_REFILL_FULL);
	begin(room_of(4), false, true, true);
	assert_true(round_answer.verdict == JOBS_REFILL_BEGIN && !round_answer.lanes[JOBS_SMALL] &&
		    round_answer.lanes[JOBS_LARGE]);
	begin(room_of(1), true, true, false);
	assert_true(round_answer.verdict == JOBS_REFILL_BEGIN && round_answer.lanes[JOBS_SMALL] &&
		    round_answer.lanes[JOBS_LARGE]);
}

static void test_refill_adds_large_jobs_until_their_lane_has_its_share(void **state)
{
	const struct job_key keys[] = {LARGE(0), LARGE(1), LARGE(2), LARGE(3)};
	struct outcome outcome = refill_into(room_of(2), keys, 4);

	assert_int_equal(outcome.added, 2);
	assert_true(outcome.is_full);
	BESIDE("DEL", "{jobs}:large");
	assert_int_equal(refill_into(room_of(2), keys, 2).added, 2);
	assert_int_equal(load_us(), 2 * LARGE_EACH_US);
}

static void end_refill(enum jobs_waiting large_ones)
{
	jobs_refill_end(redis, &scope, &round_begun, 0, (const enum jobs_waiting[JOBS_LANES]){[JOBS_LARGE] = large_ones});
}

static void take_one(void)
{
	struct job job = receive_one_of(JOBS_LARGE, "worker");

	finish(&job, "21");
}

static void test_no_job_enters_a_lane_before_those_that_wait_for_it(void **state)
{
	const struct job_key key = LARGE(1);

	add_to(room_of(1), LARGE(0));
	assert_int_equal(add_to(room_of(1), key), JOB_ABSENT);
	take_one();
	assert_int_equal(add_to(room_of(1), LARGE(2)), JOB_ABSENT);
	assert_int_equal(add_to(room_of(1), FIB(7)), JOB_PENDING);
	begin(room_of(1), true, true, false);
	assert_int_equal(refill(&key, 1), 1);
	end_refill(JOBS_WAITING_UNKNOWN);
	take_one();
	assert_int_equal(add_to(room_of(1), LARGE(2)), JOB_ABSENT);
	begin(room_of(1), true, true, false);
	end_refill(JOBS_WAITING_NONE);
	assert_int_equal(add_to(room_of(1), LARGE(2)), JOB_PENDING);
}

static void test_a_refill_that_leaves_some_waiting_closes_the_lane_although_it_has_room(void **state)
{
	begin(room_of(9), true, true, false);
	end_refill(JOBS_WAITING_SOME);
	assert_int_equal(add_to(room_of(9), LARGE(0)), JOB_ABSENT);
	assert_int_equal(add_to(room_of(9), FIB(7)), JOB_PENDING);
}

/* While jobs come all the time some are left to wait during each refill. */
static void test_jobs_that_were_left_to_wait_while_a_refill_ran_do_not_keep_the_lane_closed(void **state)
{
	const struct job_key waiting = LARGE(1);

	add_to(room_of(1), LARGE(0));
	assert_int_equal(add_to(room_of(1), waiting), JOB_ABSENT);
	take_one();
	begin(room_of(1), true, true, true);
	assert_int_equal(add_to(room_of(1), LARGE(2)), JOB_ABSENT);
	assert_int_equal(refill(&waiting, 1), 1);
	end_refill(JOBS_WAITING_NONE);
	take_one();
	assert_int_equal(add_to(room_of(1), LARGE(3)), JOB_PENDING);
}

static void test_an_open_lane_is_worth_a_refill_however_full_it_is(void **state)
{
	add_to(room_of(2), LARGE(0));
	add_to(room_of(2), LARGE(1));
	begin(room_of(2), false, true, true);
	assert_true(round_answer.verdict == JOBS_REFILL_BEGIN && round_answer.lanes[JOBS_LARGE]);
	end_refill(JOBS_WAITING_SOME);
	begin(room_of(2), false, true, true);
	assert_int_equal(round_answer.verdict, JOBS_REFILL_FULL);
}

static void test_jobs_of_both_lanes_are_counted_and_the_older_of_the_oldest(void **state)
{
	struct jobs_stats stats;

	BESIDE("XADD", "{jobs}:large", "5-1", "kind", "fibonacci", "index", LARGE_FIRST_TEXT, "request_id", "r", "us", "7267");
	add(FIB(7));
	stats = count();
	assert_int_equal(stats.depth, 2);
	assert_true(stats.oldest_s > 1e6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_small_and_large_jobs_are_on_lanes_of_their_own),
		JOBS_TEST(test_the_large_lane_takes_jobs_until_it_has_its_share_of_work),
		JOBS_TEST(test_one_job_fits_however_large_it_is),
		JOBS_TEST(test_a_full_lane_of_small_jobs_keeps_no_large_one_out),
		JOBS_TEST(test_what_finished_and_is_not_written_stops_both_lanes),
		JOBS_TEST(test_the_large_lane_has_a_share_for_each_thread_of_the_workers_that_are_there),
		JOBS_TEST(test_threads_that_take_twice_as_long_as_estimated_have_half_a_share),
		JOBS_TEST(test_a_worker_that_is_silent_is_forgotten),
		JOBS_TEST(test_a_large_job_that_is_finished_makes_room),
		JOBS_TEST(test_a_large_job_that_becomes_a_dead_letter_makes_room_and_a_retry_takes_it),
		JOBS_TEST(test_a_large_job_that_is_cancelled_makes_room),
		JOBS_TEST(test_a_large_job_of_a_dead_worker_is_taken_over_on_its_lane_and_buried_there),
		JOBS_TEST(test_a_large_job_that_is_handed_back_is_there_for_another),
		JOBS_TEST(test_a_sum_that_was_lost_or_is_left_over_counts_for_nothing_once_the_lane_is_empty),
		JOBS_TEST(test_a_large_job_on_the_small_lane_is_calculated_like_any_other),
		JOBS_TEST(test_a_refill_begins_for_the_lanes_that_are_wanted_and_half_free),
		JOBS_TEST(test_refill_adds_large_jobs_until_their_lane_has_its_share),
		JOBS_TEST(test_no_job_enters_a_lane_before_those_that_wait_for_it),
		JOBS_TEST(test_a_refill_that_leaves_some_waiting_closes_the_lane_although_it_has_room),
		JOBS_TEST(test_jobs_that_were_left_to_wait_while_a_refill_ran_do_not_keep_the_lane_closed),
		JOBS_TEST(test_an_open_lane_is_worth_a_refill_however_full_it_is),
		JOBS_TEST(test_jobs_of_both_lanes_are_counted_and_the_older_of_the_oldest),
	};

	return fixture_run("jobs/io_lanes", tests, sizeof tests / sizeof *tests);
}

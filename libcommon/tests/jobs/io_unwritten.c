/* What finished, on its way from Redis to Postgres, and what the version before decision 0016 left in Redis. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"
#include "tests/skip.h"

/* ---- receiving ---- */

static void test_a_finished_calculation_is_received_with_its_summary(void **state)
{
	struct unwritten unwritten;
	const struct job_result *result = &unwritten.entries[0].result;
	int64_t before_ms = clock_unix_ms();

	make_done((struct job_key){KIND_LUCAS, 40}, "228826127");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	assert_int_equal(result->key.kind, KIND_LUCAS);
	assert_int_equal(result->key.index, 40);
	assert_int_equal(result->state, JOB_DONE);
	assert_int_equal(result->digits, 9);
	assert_int_equal(result->duration_us, 1234);
	assert_in_range(result->calculated_unix_ms, before_ms, clock_unix_ms());
	assert_string_equal(unwritten.previews[0], "228826127");
}

static void test_a_dead_letter_is_received_as_failed(void **state)
{
	struct unwritten unwritten;

	make_dead(FIB(7));
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	assert_int_equal(unwritten.entries[0].result.state, JOB_FAILED);
	assert_int_equal(unwritten.entries[0].result.key.index, 7);
}

static void test_a_job_delivered_too_often_is_received_as_failed(void **state)
{
	struct unwritten unwritten;
	struct batch batch;

	add(FIB(7));
	receive_one("worker");
	WAIT_FOR(take_over_of(&batch, "other", 0, 1, 10) == 0 && receive_unwritten(&unwritten) == 1);
	assert_int_equal(unwritten.entries[0].result.state, JOB_FAILED);
}

static void test_what_one_process_received_no_other_receives(void **state)
{
	struct unwritten unwritten;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	assert_int_equal(receive_unwritten(&unwritten), 0);
}

static void test_an_entry_of_another_program_is_received_as_absent(void **state)
{
	static const char *const summaries[] = {"x",        "1 2 3",       "1  3 4",
						"-",        "0 1 1 ",      "1 1 1 12",
						"1 1 1 x",  "1 1 1 \xff",  "1 -1 1 1",
						"1 1 -1 1", "1 1 1 }",     "1 1 253402300800000 1",
						"-1 1 1 1", "2000 1 1 12", "1001 1 1 1 (1001 digits)"};
	const int count = 3 + (int)(sizeof summaries / sizeof *summaries);
	struct unwritten unwritten;

	BESIDE("XADD", "{jobs}:finished", "*", "something", "else");
	BESIDE("XADD", "{jobs}:finished", "*", "kind", "ackermann", "index", "1", "summary", "1 1 1 1");
	BESIDE("XADD", "{jobs}:finished", "*", "kind", "fibonacci", "index", "-1", "summary", "1 1 1 1");
	for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++)
		BESIDE("XADD", "{jobs}:finished", "*", "kind", "fibonacci", "index", "1", "summary", summaries[i]);
	WAIT_FOR(receive_unwritten(&unwritten) == count);
	for (int i = 0; i < count; i++)
		assert_int_equal(unwritten.entries[i].result.state, JOB_ABSENT);
}

/* ---- taking over ---- */

static void test_what_was_received_and_not_written_is_taken_over_after_its_time(void **state)
{
	struct unwritten unwritten;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	assert_int_equal(take_over_unwritten(&unwritten, 60000), 0);
	WAIT_FOR(take_over_unwritten(&unwritten, 1) == 1);
	assert_string_equal(unwritten.previews[0], "1");
}

static void test_without_a_stream_nothing_is_taken_over(void **state)
{
	struct unwritten unwritten;

	assert_int_equal(take_over_unwritten(&unwritten, 0), 0);
}

static void test_a_lost_group_delivers_everything_again(void **state)
{
	struct unwritten unwritten;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	BESIDE("XGROUP", "DESTROY", "{jobs}:finished", "values");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
}

/* ---- taking out ---- */

static void test_what_is_written_leaves_nothing_in_redis(void **state)
{
	struct unwritten unwritten;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	mark_written(&unwritten.entries[0]);
	assert_int_equal(state_of(FIB(1)), JOB_ABSENT);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 0);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:window"), 0);
	assert_int_equal(take_over_unwritten(&unwritten, 0), 0);
}

static void test_what_is_calculated_again_meanwhile_stays_in_the_window(void **state)
{
	struct unwritten unwritten;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	BESIDE("HDEL", "{jobs}:window", "fibonacci:1");
	add(FIB(1));
	mark_written(&unwritten.entries[0]);
	assert_int_equal(state_of(FIB(1)), JOB_PENDING);
}

static void test_an_id_that_stands_for_another_calculation_by_now_is_not_taken_out(void **state)
{
	struct unwritten unwritten;
	const char *id = unwritten.entries[0].id;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	BESIDE("DEL", "{jobs}:finished");
	BESIDE("XADD", "{jobs}:finished", id, "kind", "fibonacci", "index", "2", "summary", "1 1 1 1");
	mark_written(&unwritten.entries[0]);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 1);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:window"), 0);
}

static void test_an_entry_of_another_program_is_taken_out(void **state)
{
	struct unwritten unwritten;

	BESIDE("XADD", "{jobs}:finished", "*", "something", "else");
	BESIDE("XADD", "{jobs}:finished", "*", "kind", "fibonacci", "index", "1", "summary", "x");
	WAIT_FOR(receive_unwritten(&unwritten) == 2);
	mark_written(&unwritten.entries[0]);
	mark_written(&unwritten.entries[1]);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 0);
}

/* ---- the version before ---- */

static void legacy_found(enum status status, bool exists, void *arg)
{
	*(struct outcome *)arg = (struct outcome){.is_there = true, .status = status, .added = exists};
}

static bool legacy_exists(void)
{
	struct outcome outcome = {0};

	jobs_legacy_exists(redis, &scope, legacy_found, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	return outcome.added;
}

static void test_legacy_results_are_noticed_whichever_kind_they_are_of(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		char name[40];

		assert_false(legacy_exists());
		snprintf(name, sizeof name, "results:%s", kind_name((enum kind)kind));
		BESIDE("HSET", name, "7", "2 10 1000 21");
		assert_true(legacy_exists());
		BESIDE("DEL", name);
	}
}

static void test_a_legacy_result_is_looked_up(void **state)
{
	struct outcome outcome = {0};

	if (fixture_is_cluster())
		skip_because("elsewhere: on a single Redis, because the version before never ran on a cluster");
	BESIDE("HSET", "results:lucas", "7", "2 10 1000 29");
	jobs_legacy_look_up(redis, &scope, &(struct job_key){KIND_LUCAS, 7}, 1, outcome_looked_up, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.state, JOB_DONE);
	assert_string_equal(outcome.digits, "29");
	free(outcome.digits);
	outcome = (struct outcome){0};
	jobs_legacy_look_up(redis, &scope, &FIB(7), 1, outcome_looked_up, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.state, JOB_ABSENT);
}

static void test_legacy_keys_expire_in_a_day_and_not_later_by_being_asked_again(void **state)
{
	BESIDE("HSET", "results:lucas", "7", "2 10 1000 29");
	BESIDE("HSET", "jobs:dead", "fibonacci:1", "5 1000 request-1");
	jobs_legacy_expire(redis, &scope);
	WAIT_FOR(BESIDE("TTL", "results:lucas") > 86000 && BESIDE("TTL", "jobs:dead") > 86000);
	BESIDE("EXPIRE", "results:lucas", "1000");
	jobs_legacy_expire(redis, &scope);
	assert_false(legacy_exists() && BESIDE("TTL", "results:lucas") > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_a_finished_calculation_is_received_with_its_summary),
		JOBS_TEST(test_a_dead_letter_is_received_as_failed),
		JOBS_TEST(test_a_job_delivered_too_often_is_received_as_failed),
		JOBS_TEST(test_what_one_process_received_no_other_receives),
		JOBS_TEST(test_an_entry_of_another_program_is_received_as_absent),
		JOBS_TEST(test_what_was_received_and_not_written_is_taken_over_after_its_time),
		JOBS_TEST(test_without_a_stream_nothing_is_taken_over),
		JOBS_TEST(test_a_lost_group_delivers_everything_again),
		JOBS_TEST(test_what_is_written_leaves_nothing_in_redis),
		JOBS_TEST(test_what_is_calculated_again_meanwhile_stays_in_the_window),
		JOBS_TEST(test_an_id_that_stands_for_another_calculation_by_now_is_not_taken_out),
		JOBS_TEST(test_an_entry_of_another_program_is_taken_out),
		JOBS_TEST(test_legacy_results_are_noticed_whichever_kind_they_are_of),
		JOBS_TEST(test_a_legacy_result_is_looked_up),
		JOBS_TEST(test_legacy_keys_expire_in_a_day_and_not_later_by_being_asked_again),
	};

	return fixture_run("jobs/io_unwritten", tests, sizeof tests / sizeof *tests);
}

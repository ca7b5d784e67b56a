/* The job protocol on a real Redis, the worker's side: what happens to jobs whose worker died or cannot calculate them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

/* ---- leases ---- */

static void test_a_job_whose_lease_has_not_expired_is_not_taken_over(void **state)
{
	struct batch batch;

	add(FIB(7));
	receive_one("worker-1");
	assert_int_equal(take_over(&batch, "worker-2", LEASE_MS), 0);
}

static void test_a_job_whose_lease_has_expired_is_taken_over(void **state)
{
	struct batch batch;

	add(FIB(7));
	receive_one("worker-1");
	WAIT_FOR(take_over(&batch, "worker-2", 30) == 1);
	assert_int_equal(batch.jobs[0].key.index, 7);
	assert_string_equal(batch.jobs[0].request_id, "request-1");
}

static void test_a_job_taken_over_has_a_new_lease(void **state)
{
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker-1");
	BESIDE("XCLAIM", "jobs", "workers", "worker-1", "0", job.id, "IDLE", "100000", "JUSTID");
	assert_int_equal(take_over(&batch, "worker-2", LEASE_MS), 1);
	assert_int_equal(take_over(&batch, "worker-3", LEASE_MS), 0);
}

static void test_no_more_are_taken_over_than_asked_for(void **state)
{
	struct batch batch;

	for (int i = 0; i < 5; i++)
		add(FIB(i));
	WAIT_FOR(receive(&batch, "worker-1", 5) == 5);
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 10, 3), 3);
}

static void test_without_a_stream_nothing_is_taken_over(void **state)
{
	struct batch batch;

	assert_int_equal(take_over(&batch, "worker", 0), 0);
}

static void test_without_a_group_nothing_is_taken_over(void **state)
{
	struct batch batch;

	add(FIB(7));
	assert_int_equal(take_over(&batch, "worker", 0), 0);
}

static void test_a_job_that_is_missing_from_the_stream_is_acknowledged_and_not_taken_over(void **state)
{
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker-1");
	BESIDE("XDEL", "jobs", job.id);
	assert_int_equal(take_over(&batch, "worker-2", 0), 0);
	assert_int_equal(pending_count(), 0);
}

static long long deliveries(void)
{
	redisReply *reply = fixture_reply(ARGV("XPENDING", "jobs", "workers", "-", "+", "1"));
	long long number = reply->element[0]->element[3]->integer;

	freeReplyObject(reply);
	return number;
}

static void test_a_renewed_lease_is_not_taken_over_and_counts_no_delivery(void **state)
{
	struct outcome outcome = {0};
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker-1");
	BESIDE("XCLAIM", "jobs", "workers", "worker-1", "0", job.id, "IDLE", "100000", "JUSTID");
	jobs_renew(redis, &scope, "worker-1", &job, 1, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(take_over(&batch, "worker-2", LEASE_MS), 0);
	assert_int_equal(deliveries(), 1);
}

static void release(const char *consumer, const struct job *job)
{
	struct outcome outcome = {0};

	jobs_release(redis, &scope, consumer, job, 1, LEASE_MS, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.status, STATUS_OK);
}

static void test_a_released_job_can_be_taken_over_at_once_and_does_not_count_the_delivery(void **state)
{
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker-1");
	release("worker-1", &job);
	assert_int_equal(deliveries(), 0);
	assert_int_equal(take_over(&batch, "worker-2", LEASE_MS), 1);
	assert_int_equal(batch.jobs[0].key.index, 7);
	assert_int_equal(deliveries(), 1);
}

static void test_a_job_never_becomes_a_dead_letter_by_being_released(void **state)
{
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	for (int i = 0; i < 6; i++) {
		release("worker", &job);
		assert_int_equal(take_over_of(&batch, "worker", LEASE_MS, 5, 8), 1);
	}
	finish(&batch.jobs[0], "21");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
}

static void test_deliveries_to_workers_that_died_count_in_spite_of_a_release(void **state)
{
	struct batch batch;

	add(FIB(7));
	receive_one("worker-1");
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 2, 8), 1);
	release("worker-2", &batch.jobs[0]);
	assert_int_equal(take_over_of(&batch, "worker-3", LEASE_MS, 2, 8), 1);
	assert_int_equal(take_over_of(&batch, "worker-4", 0, 2, 8), 0);
	assert_int_equal(state_of(FIB(7)), JOB_FAILED);
}

static void test_a_job_that_another_consumer_has_taken_over_is_not_released(void **state)
{
	struct batch batch;
	struct job job;

	add(FIB(7));
	job = receive_one("worker-1");
	assert_int_equal(take_over(&batch, "worker-2", 0), 1);
	release("worker-1", &job);
	assert_int_equal(take_over(&batch, "worker-3", LEASE_MS), 0);
	assert_int_equal(deliveries(), 2);
}

static void test_releasing_after_redis_was_emptied_creates_no_job(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	BESIDE("FLUSHDB");
	release("worker", &job);
	assert_int_equal(BESIDE("DBSIZE"), 0);
}

static void test_renewing_a_finished_job_does_not_create_it_again(void **state)
{
	struct outcome outcome = {0};
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	finish(&job, "21");
	jobs_renew(redis, &scope, "worker", &job, 1, outcome_done, &outcome);
	AWAIT(outcome);
	assert_int_equal(pending_count(), 0);
}

/* ---- dead letters ---- */

static void test_an_entry_of_other_fields_does_not_keep_others_from_being_taken_over(void **state)
{
	struct batch batch;

	BESIDE("XADD", "jobs", "*", "something", "else");
	receive_one("worker-1");
	add(FIB(7));
	receive_one("worker-1");
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 1, 8), 0); /* both were delivered too often */
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(state_of(FIB(7)), JOB_FAILED);
}

static void test_a_job_delivered_too_often_becomes_a_dead_letter(void **state)
{
	struct batch batch;
	char *kept;

	add(FIB(7));
	receive_one("worker-1");
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 2, 8), 1);
	assert_int_equal(take_over_of(&batch, "worker-3", 0, 2, 8), 0);
	assert_int_equal(state_of(FIB(7)), JOB_FAILED);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(pending_count(), 0);
	kept = BESIDE_TEXT("HGET", "{jobs}:dead", "fibonacci:7");
	assert_memory_equal(kept, "2 ", 2);
	assert_non_null(strstr(kept, " request-1"));
	free(kept);
}

/* As a full Redis does: it refuses the letter, and not what claims the jobs before it. */
static void test_a_dead_letter_that_redis_refuses_keeps_no_other_job_from_its_worker(void **state)
{
	struct batch batch;
	struct job second;

	add(FIB(1));
	receive_one("worker-1");
	add(FIB(2));
	second = receive_one("worker-1");
	/* delivered once more */
	BESIDE("XCLAIM", "jobs", "workers", "worker-1", "0", second.id, "RETRYCOUNT", "2");
	BESIDE("SET", "{jobs}:finished", "of another type");
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 2, 8), 1);
	assert_int_equal(batch.jobs[0].key.index, 1);
	assert_int_equal(BESIDE("XLEN", "jobs"), 2);
	BESIDE("DEL", "{jobs}:finished");
	assert_int_equal(take_over_of(&batch, "worker-3", 0, 2, 8), 0);
	assert_int_equal(state_of(FIB(2)), JOB_FAILED);
}

static void test_a_retried_dead_letter_starts_with_no_deliveries(void **state)
{
	struct batch batch;

	make_dead(FIB(7));
	assert_int_equal(retry(FIB(7)), STATUS_OK);
	receive_one("worker-1");
	assert_int_equal(deliveries(), 1);
	assert_int_equal(take_over_of(&batch, "worker-2", 0, 2, 8), 1);
}

static void test_a_buried_job_is_a_dead_letter_with_its_request_the_time_and_the_id_of_its_failure(void **state)
{
	int64_t before_ms = clock_unix_ms();
	struct unwritten unwritten;
	struct job job;
	char *kept, *rest, expected[80];

	add(FIB(7));
	job = receive_one("worker");
	bury(&job);
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	snprintf(expected, sizeof expected, " request-1 %s", unwritten.entries[0].id);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:window"), 0);
	assert_int_equal(pending_count(), 0);
	kept = BESIDE_TEXT("HGET", "{jobs}:dead", "fibonacci:7");
	assert_memory_equal(kept, "0 ", 2);
	assert_in_range(strtoll(kept + 2, &rest, 10), before_ms, clock_unix_ms());
	assert_string_equal(rest, expected);
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_a_job_whose_lease_has_not_expired_is_not_taken_over),
		JOBS_TEST(test_a_job_whose_lease_has_expired_is_taken_over),
		JOBS_TEST(test_a_job_taken_over_has_a_new_lease),
		JOBS_TEST(test_no_more_are_taken_over_than_asked_for),
		JOBS_TEST(test_without_a_stream_nothing_is_taken_over),
		JOBS_TEST(test_without_a_group_nothing_is_taken_over),
		JOBS_TEST(test_a_job_that_is_missing_from_the_stream_is_acknowledged_and_not_taken_over),
		JOBS_TEST(test_a_renewed_lease_is_not_taken_over_and_counts_no_delivery),
		JOBS_TEST(test_a_released_job_can_be_taken_over_at_once_and_does_not_count_the_delivery),
		JOBS_TEST(test_a_job_never_becomes_a_dead_letter_by_being_released),
		JOBS_TEST(test_deliveries_to_workers_that_died_count_in_spite_of_a_release),
		JOBS_TEST(test_a_job_that_another_consumer_has_taken_over_is_not_released),
		JOBS_TEST(test_releasing_after_redis_was_emptied_creates_no_job),
		JOBS_TEST(test_renewing_a_finished_job_does_not_create_it_again),
		JOBS_TEST(test_an_entry_of_other_fields_does_not_keep_others_from_being_taken_over),
		JOBS_TEST(test_a_job_delivered_too_often_becomes_a_dead_letter),
		JOBS_TEST(test_a_dead_letter_that_redis_refuses_keeps_no_other_job_from_its_worker),
		JOBS_TEST(test_a_retried_dead_letter_starts_with_no_deliveries),
		JOBS_TEST(test_a_buried_job_is_a_dead_letter_with_its_request_the_time_and_the_id_of_its_failure),
	};

	return fixture_run("jobs/io_leases", tests, sizeof tests / sizeof *tests);
}

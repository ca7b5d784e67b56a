/* The job protocol on a real Redis, as the worker sees it: receiving and finishing. Leases: io_leases.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

/* ---- receiving ---- */

static void test_a_received_job_has_every_field_that_was_added(void **state)
{
	struct job job;

	add((struct job_key){KIND_PRIMORIAL, 4711});
	job = receive_one_of(JOBS_LARGE, "worker");
	assert_int_equal(job.key.kind, KIND_PRIMORIAL);
	assert_int_equal(job.key.index, 4711);
	assert_string_equal(job.request_id, "request-1");
	assert_non_null(strchr(job.id, '-'));
}

static void test_an_empty_stream_gives_no_job(void **state)
{
	struct batch batch;

	assert_int_equal(receive(&batch, "worker", 8), 0); /* makes the group */
	assert_int_equal(receive(&batch, "worker", 8), 0);
}

static void test_jobs_are_received_oldest_first_and_no_more_than_asked_for(void **state)
{
	struct batch batch;

	for (int i = 0; i < 5; i++)
		add(FIB(i));
	WAIT_FOR(receive(&batch, "worker", 3) == 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(batch.jobs[i].key.index, i);
	assert_int_equal(receive(&batch, "worker", 3), 2);
}

static void test_a_job_is_received_by_only_one_worker(void **state)
{
	struct batch batch;

	add(FIB(7));
	receive_one("worker-1");
	assert_int_equal(receive(&batch, "worker-2", 8), 0);
	assert_int_equal(receive(&batch, "worker-1", 8), 0);
}

static void test_a_waiting_worker_is_woken_by_a_job(void **state)
{
	struct batch batch = {0};
	int64_t begin_us;

	WAIT_FOR(receive(&batch, "worker", 1) == 0 && BESIDE("EXISTS", "jobs") == 1);
	batch = (struct batch){0};
	begin_us = clock_monotonic_us();
	jobs_receive(blocking, &scope, JOBS_SMALL, "worker", 1, 8000, batch_received, &batch);
	add(FIB(7));
	WAIT_FOR(batch.is_there);
	assert_int_equal(batch.n, 1);
	assert_int_equal(batch.jobs[0].key.index, 7);
	assert_true(clock_monotonic_us() - begin_us < 4000000);
}

static void test_when_redis_is_emptied_under_a_waiting_worker_the_next_job_is_received(void **state)
{
	struct batch batch;

	receive(&batch, "worker", 1);
	batch = (struct batch){0};
	jobs_receive(blocking, &scope, JOBS_SMALL, "worker", 1, 300, batch_received, &batch);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(add(FIB(1)), JOB_PENDING); /* by now it waits */
	BESIDE("FLUSHDB");
	WAIT_FOR(batch.is_there);
	add(FIB(7));
	assert_int_equal(receive_one("worker").key.index, 7);
}

static void test_after_redis_was_emptied_the_group_is_created_again(void **state)
{
	struct batch batch;

	receive(&batch, "worker", 1);
	BESIDE("FLUSHDB");
	assert_int_equal(receive(&batch, "worker", 1), 0);
	add(FIB(7));
	assert_int_equal(receive(&batch, "worker", 1), 1);
}

static void test_a_lost_connection_is_reported_to_the_receiver(void **state)
{
	struct batch batch = {0};

	receive(&batch, "worker", 1);
	batch = (struct batch){0};
	jobs_receive(blocking, &scope, JOBS_SMALL, "worker", 1, 8000, batch_received, &batch);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(fixture_kill(), 2);
	WAIT_FOR(batch.is_there);
	assert_int_equal(batch.status, STATUS_UNAVAILABLE);
	assert_int_equal(batch.n, 0);
}

/* ---- entries of other programs ---- */

static void expect_unreadable(void)
{
	struct job job = receive_one("worker");

	assert_int_equal(job.key.index, -1);
	bury(&job);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(count().dead, 1);
}

static void test_an_entry_of_other_fields_can_be_buried(void **state)
{
	BESIDE("XADD", "jobs", "*", "something", "else");
	expect_unreadable();
}

static void test_an_entry_of_an_unknown_kind_can_be_buried(void **state)
{
	BESIDE("XADD", "jobs", "*", "kind", "ackermann", "index", "7", "request_id", "request-1");
	expect_unreadable();
}

static void test_an_entry_whose_index_is_no_number_can_be_buried(void **state)
{
	BESIDE("XADD", "jobs", "*", "kind", "fibonacci", "index", "seven", "request_id", "request-1");
	expect_unreadable();
}

static void test_an_entry_of_long_texts_is_cut_and_can_be_buried(void **state)
{
	char *text = digits_of(5000);

	BESIDE("XADD", "jobs", "*", "kind", text, "index", text, "request_id", text);
	free(text);
	expect_unreadable();
}

/* ---- finishing ---- */

static void test_a_finished_job_leaves_only_its_result(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	finish(&job, "21");
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:dead"), 0);
	assert_int_equal(BESIDE("EXISTS", "result:fibonacci:7"), 0);
	assert_int_equal(pending_count(), 0);
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
	assert_int_equal(BESIDE("XLEN", "{jobs}:finished"), 1);
}

static void test_several_are_finished_at_once(void **state)
{
	struct outcome outcome = {0};
	struct job_finished finished[3];
	struct batch batch;

	for (int i = 0; i < 3; i++)
		add(FIB(i));
	WAIT_FOR(receive(&batch, "worker", 3) == 3);
	for (int i = 0; i < 3; i++)
		finished[i] = (struct job_finished){.job = &batch.jobs[i], .digits = "123", .len = (size_t)i + 1};
	jobs_finish(redis, &scope, CACHE_S, finished, 3, outcome_done, &outcome);
	AWAIT(outcome);
	for (int i = 0; i < 3; i++) {
		outcome = look_up_one(FIB(i));
		assert_int_equal(outcome.len, i + 1);
		free(outcome.digits);
	}
	assert_int_equal(pending_count(), 0);
}

static void test_the_first_of_two_results_of_a_job_is_kept(void **state)
{
	struct outcome outcome;
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	finish(&job, "21");
	finish(&job, "22");
	outcome = look_up_one(FIB(7));
	assert_string_equal(outcome.digits, "21");
	free(outcome.digits);
}

static void test_a_late_result_deletes_its_dead_letter(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	bury(&job);
	assert_int_equal(state_of(FIB(7)), JOB_FAILED);
	finish(&job, "21");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
	assert_int_equal(count().dead, 0);
}

static void test_a_result_after_redis_was_emptied_is_kept(void **state)
{
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	BESIDE("FLUSHDB");
	finish(&job, "21");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
}

static void test_a_second_result_after_the_summary_was_written_is_not_stored(void **state)
{
	struct unwritten unwritten;
	struct job job;

	add(FIB(7));
	job = receive_one("worker");
	finish(&job, "21");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	mark_written(&unwritten.entries[0]);
	finish(&job, "21");
	assert_int_equal(receive_unwritten(&unwritten), 0);
	assert_int_equal(BESIDE("EXISTS", "{jobs}:window"), 0);
}

/* The stream of what finished was deleted, and another calculation got the id. */
static void test_a_lost_summary_does_not_keep_its_result_out(void **state)
{
	struct unwritten unwritten;
	char stale[JOBS_ID_BYTES + 1];
	struct job job;

	make_done(FIB(1), "1");
	WAIT_FOR(receive_unwritten(&unwritten) == 1);
	snprintf(stale, sizeof stale, "=%s", unwritten.entries[0].id);
	add(FIB(7));
	job = receive_one("worker");
	BESIDE("HSET", "{jobs}:window", "fibonacci:7", stale);
	finish(&job, "21");
	assert_int_equal(state_of(FIB(7)), JOB_DONE);
	assert_int_equal(BESIDE("XLEN", "jobs"), 0);
}

static void test_an_id_that_stands_for_another_job_by_now_is_not_taken_off(void **state)
{
	struct job job;

	add(FIB(1));
	job = receive_one("worker");
	BESIDE("DEL", "jobs");
	BESIDE("XADD", "jobs", job.id, "kind", "fibonacci", "index", "2", "request_id", "request-1");
	finish(&job, "1");
	assert_int_equal(state_of(FIB(1)), JOB_DONE);
	assert_int_equal(BESIDE("XLEN", "jobs"), 1);
}

static int announced;
static bool has_begun, is_over;
static char live[2000];

/* Others on the same Redis may announce theirs: channels know no databases. The index is this test's alone. */
static void heard(const char *bytes, size_t len, void *arg)
{
	if (!memmem(bytes, len, "76543217", 8))
		return;
	has_begun = true;
	is_over |= memmem(bytes, len, "end", 3) != NULL;
	if (*bytes != '{')
		return;
	announced++;
	snprintf(live, sizeof live, "%.*s", (int)len, bytes);
}

static void listen_and_finish_twice(void)
{
	struct redis_config config = fixture_config();
	struct redis *listener = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	struct job job;

	announced = 0;
	has_begun = is_over = false;
	redis_subscribe(listener, "live", heard, NULL);
	WAIT_FOR(redis_is_ready(listener));
	WAIT_FOR(BESIDE("PUBLISH", "live", "76543217 begin") && has_begun);
	add((struct job_key){KIND_LUCAS, 76543217});
	job = receive_one_of(JOBS_LARGE, "worker");
	finish(&job, "29");
	finish(&job, "29");
	BESIDE("PUBLISH", "live", "76543217 end");
	WAIT_FOR(is_over);
	redis_free(listener);
}

static void test_a_result_is_published_once(void **state)
{
	listen_and_finish_twice();
	assert_int_equal(announced, 1);
}

static void test_a_published_result_is_the_documented_message(void **state)
{
	listen_and_finish_twice();
	assert_string_equal(live, "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":76543217,\"digits\":2,\"preview\":\"29\","
				  "\"duration_us\":1234}");
}

/* ---- counting ---- */

static void test_without_jobs_all_counts_are_zero(void **state)
{
	struct jobs_stats stats = count();

	assert_int_equal(stats.depth, 0);
	assert_int_equal(stats.dead, 0);
	assert_true(stats.oldest_s == 0);
}

static void test_jobs_and_dead_letters_are_counted_and_the_oldest_jobs_age(void **state)
{
	char id[40];
	struct jobs_stats stats;

	make_dead(FIB(1));
	BESIDE("DEL", "jobs");
	snprintf(id, sizeof id, "%lld-0", (long long)clock_unix_ms() - 90000);
	BESIDE("XADD", "jobs", id, "kind", "fibonacci", "index", "2", "request_id", "request-1");
	add(FIB(3));
	stats = count();
	assert_int_equal(stats.depth, 2);
	assert_int_equal(stats.dead, 1);
	assert_true(stats.oldest_s >= 90 && stats.oldest_s < 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_a_received_job_has_every_field_that_was_added),
		JOBS_TEST(test_an_empty_stream_gives_no_job),
		JOBS_TEST(test_jobs_are_received_oldest_first_and_no_more_than_asked_for),
		JOBS_TEST(test_a_job_is_received_by_only_one_worker),
		JOBS_TEST(test_a_waiting_worker_is_woken_by_a_job),
		JOBS_TEST(test_when_redis_is_emptied_under_a_waiting_worker_the_next_job_is_received),
		JOBS_TEST(test_after_redis_was_emptied_the_group_is_created_again),
		JOBS_TEST(test_a_lost_connection_is_reported_to_the_receiver),
		JOBS_TEST(test_an_entry_of_other_fields_can_be_buried),
		JOBS_TEST(test_an_entry_of_an_unknown_kind_can_be_buried),
		JOBS_TEST(test_an_entry_whose_index_is_no_number_can_be_buried),
		JOBS_TEST(test_an_entry_of_long_texts_is_cut_and_can_be_buried),
		JOBS_TEST(test_a_finished_job_leaves_only_its_result),
		JOBS_TEST(test_several_are_finished_at_once),
		JOBS_TEST(test_the_first_of_two_results_of_a_job_is_kept),
		JOBS_TEST(test_a_late_result_deletes_its_dead_letter),
		JOBS_TEST(test_a_result_after_redis_was_emptied_is_kept),
		JOBS_TEST(test_a_second_result_after_the_summary_was_written_is_not_stored),
		JOBS_TEST(test_a_lost_summary_does_not_keep_its_result_out),
		JOBS_TEST(test_an_id_that_stands_for_another_job_by_now_is_not_taken_off),
		JOBS_TEST(test_a_result_is_published_once),
		JOBS_TEST(test_a_published_result_is_the_documented_message),
		JOBS_TEST(test_without_jobs_all_counts_are_zero),
		JOBS_TEST(test_jobs_and_dead_letters_are_counted_and_the_oldest_jobs_age),
	};

	return fixture_run("jobs/io_consumer", tests, sizeof tests / sizeof *tests);
}

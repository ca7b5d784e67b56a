/* The trace of a submission on its way through a job, on a real Redis, beside jobs of the version that knew no traces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "b9c7c989f97918e1"
#define INDEX "76543218" /* announcements are for all databases of a Redis: this test's alone */
#define SMALL FIB(7)
#define LARGE ((struct job_key){KIND_LUCAS, 76543218})

static const struct trace submission = {.id = ID, .span = SPAN, .parent = "00f067aa0ba902b7", .is_sampled = true};

static void add_traced(struct job_key key)
{
	const struct job_to_add job = {key, "request-1", &submission};
	struct outcome outcome = {.asked = 1};

	jobs_add(redis, &scope, ROOM(MOST), &job, 1, outcome_added, &outcome);
	AWAIT(outcome);
	assert_int_equal(outcome.states[0], JOB_PENDING);
}

static void assert_is_part_of_the_trace(const struct job *job)
{
	assert_string_equal(job->request_id, "request-1");
	assert_string_equal(job->trace.id, ID);
	assert_string_equal(job->trace.parent, SPAN);
	assert_true(job->trace.is_sampled);
}

static void assert_has_no_trace(const struct job *job)
{
	assert_string_equal(job->trace.id, "");
	assert_false(job->trace.is_sampled);
}

static void test_a_job_of_either_lane_is_part_of_the_trace_of_its_submission(void **state)
{
	struct job small, large;

	add_traced(SMALL);
	add_traced(LARGE);
	small = receive_one_of(JOBS_SMALL, "worker");
	large = receive_one_of(JOBS_LARGE, "worker");
	assert_is_part_of_the_trace(&small);
	assert_is_part_of_the_trace(&large);
}

static void test_a_job_that_is_taken_over_is_part_of_its_trace(void **state)
{
	struct batch batch;

	add_traced(SMALL);
	receive_one("worker-1");
	WAIT_FOR(take_over(&batch, "worker-2", 0) == 1);
	assert_is_part_of_the_trace(&batch.jobs[0]);
}

/* Its scripts and workers find request_id and us by their places. */
static void test_the_fields_of_the_version_before_stay_where_they_were(void **state)
{
	static const char *const names[] = {"kind", "index", "request_id", "us", "traceparent"};
	redisReply *reply, *fields;

	add_traced(LARGE);
	reply = fixture_reply(4, (const char *[]){"XRANGE", "{jobs}:large", "-", "+"});
	fields = reply->element[0]->element[1];
	assert_int_equal(fields->elements, 10);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(fields->element[2 * i]->str, names[i]);
	assert_string_equal(fields->element[9]->str, "00-" ID "-" SPAN "-01");
	freeReplyObject(reply);
}

static void test_a_large_job_with_a_trace_is_taken_off_the_load_when_it_finishes(void **state)
{
	char *load;
	struct job job;

	add_traced(LARGE);
	job = receive_one_of(JOBS_LARGE, "worker");
	finish(&job, "29");
	load = BESIDE_TEXT("HGET", "{jobs}:load", "us");
	assert_string_equal(load, "0");
	free(load);
}

static void test_jobs_of_the_version_before_have_no_trace_and_finish(void **state)
{
	struct job small, large;

	BESIDE("XADD", "jobs", "*", "kind", "fibonacci", "index", "7", "request_id", "r");
	BESIDE("XADD", "{jobs}:large", "*", "kind", "lucas", "index", INDEX, "request_id", "r", "us", "5000");
	small = receive_one_of(JOBS_SMALL, "worker");
	large = receive_one_of(JOBS_LARGE, "worker");
	assert_string_equal(small.request_id, "r");
	assert_has_no_trace(&small);
	assert_has_no_trace(&large);
	finish(&small, "13");
	finish(&large, "29");
	assert_int_equal(state_of(SMALL), JOB_DONE);
	assert_int_equal(state_of(LARGE), JOB_DONE);
}

static void test_what_is_no_traceparent_is_no_trace(void **state)
{
	struct job job;

	BESIDE("XADD", "jobs", "*", "kind", "fibonacci", "index", "7", "request_id", "r", "traceparent", "of another version");
	BESIDE("XADD", "jobs", "*", "kind", "fibonacci", "index", "8", "request_id", "r", "other", "00-" ID "-" SPAN "-01");
	job = receive_one("worker");
	assert_int_equal(job.key.index, 7);
	assert_has_no_trace(&job);
	job = receive_one("worker");
	assert_int_equal(job.key.index, 8);
	assert_has_no_trace(&job);
}

static void test_a_job_that_refill_queues_has_no_trace(void **state)
{
	struct job_key key = SMALL;
	struct job job;

	refill(&key, 1);
	job = receive_one("worker");
	assert_has_no_trace(&job);
}

static void test_a_job_says_how_long_ago_it_was_queued(void **state)
{
	struct job job;

	add_traced(SMALL);
	job = receive_one("worker");
	assert_in_range(jobs_age_ms(&job), 0, 60000);
	snprintf(job.id, sizeof job.id, "%s", "1700000000000-0");
	assert_true(jobs_age_ms(&job) > 60000);
	snprintf(job.id, sizeof job.id, "%s", "9999999999999999-0");
	assert_int_equal(jobs_age_ms(&job), 0);
}

/* ---- the announcement ---- */

static char live[2000];

static void heard(const char *bytes, size_t len, void *arg)
{
	if (memmem(bytes, len, INDEX, strlen(INDEX)))
		snprintf(live, sizeof live, "%.*s", (int)len, bytes);
}

/* What is announced when this job, received, finishes. */
static const char *announced(const struct job *job)
{
	struct redis_config config = fixture_config();
	struct redis *listener = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);

	live[0] = '\0';
	redis_subscribe(listener, "live", heard, NULL);
	WAIT_FOR(redis_is_ready(listener));
	WAIT_FOR(BESIDE("PUBLISH", "live", INDEX " begin") && live[0]);
	finish(job, "29");
	WAIT_FOR(live[0] == '{');
	redis_free(listener);
	return live;
}

static void test_the_announcement_of_a_result_names_the_trace(void **state)
{
	struct job job;

	add_traced(LARGE);
	job = receive_one_of(JOBS_LARGE, "worker");
	assert_string_equal(announced(&job), "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":" INDEX ",\"digits\":2,"
					     "\"preview\":\"29\",\"duration_us\":1234,\"trace_id\":\"" ID "\"}");
}

static void test_the_announcement_of_a_result_without_a_trace_names_none(void **state)
{
	struct job job;

	add(LARGE);
	job = receive_one_of(JOBS_LARGE, "worker");
	assert_null(strstr(announced(&job), "trace"));
}

static int enable(void **state)
{
	trace_enable(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_a_job_of_either_lane_is_part_of_the_trace_of_its_submission),
		JOBS_TEST(test_a_job_that_is_taken_over_is_part_of_its_trace),
		JOBS_TEST(test_the_fields_of_the_version_before_stay_where_they_were),
		JOBS_TEST(test_a_large_job_with_a_trace_is_taken_off_the_load_when_it_finishes),
		JOBS_TEST(test_jobs_of_the_version_before_have_no_trace_and_finish),
		JOBS_TEST(test_what_is_no_traceparent_is_no_trace),
		JOBS_TEST(test_a_job_that_refill_queues_has_no_trace),
		JOBS_TEST(test_a_job_says_how_long_ago_it_was_queued),
		JOBS_TEST(test_the_announcement_of_a_result_names_the_trace),
		JOBS_TEST(test_the_announcement_of_a_result_without_a_trace_names_none),
	};

	return cmocka_run_group_tests(tests, enable, NULL);
}

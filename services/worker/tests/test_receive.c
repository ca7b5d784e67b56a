/* How often a worker asks for jobs when Redis answers at once with none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "service.h"
#include "tests/capture.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

#define WATCHED_MS 1000
#define READS_MAX 8 /* after 0, 50, 150, 350 and 750 ms, 25 % sooner or later */

static struct work *work;
static const char *read_answer, *group_answer;
static int reads[JOBS_LANES];

static const char *answer(const redisReply *command)
{
	if (!fake_redis_is(command, "XREADGROUP"))
		return fake_redis_is(command, "XGROUP") ? group_answer : "-ERR not in this test\r\n";
	reads[strcmp(command->element[command->elements - 2]->str, "jobs") == 0 ? JOBS_SMALL : JOBS_LARGE]++;
	return read_answer;
}

static int set_up(void **state)
{
	static struct worker_config config = {.lease_s = 60, .max_deliveries = 5, .batch = 10, .threads = 1};

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	fake_redis_open(answer);
	config.redis = fake_redis_config();
	memset(reads, 0, sizeof reads);
	work = work_new(base, &config, false);
	return 0;
}

static int tear_down(void **state)
{
	work_free(work);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	return 0;
}

static void note(void *is_over)
{
	*(bool *)is_over = true;
}

/* Of the lane that has more. */
static int reads_of_a_while(void)
{
	bool is_over = false;
	struct loop_timer *timer = loop_timer_new(base, note, &is_over);

	WAIT_FOR(reads[JOBS_SMALL] > 0 && reads[JOBS_LARGE] > 0);
	loop_timer_start(timer, WATCHED_MS);
	WAIT_FOR(is_over);
	loop_timer_free(timer);
	return reads[JOBS_SMALL] > reads[JOBS_LARGE] ? reads[JOBS_SMALL] : reads[JOBS_LARGE];
}

static void test_a_group_that_can_not_be_made_is_asked_for_with_growing_pauses(void **state)
{
	read_answer = "-NOGROUP No such key 'jobs' or consumer group\r\n";
	group_answer = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
	assert_in_range(reads_of_a_while(), 2, READS_MAX);
}

static void test_a_group_that_is_made_and_missing_again_is_asked_for_with_growing_pauses(void **state)
{
	read_answer = "-NOGROUP No such key 'jobs' or consumer group\r\n";
	group_answer = "+OK\r\n";
	assert_in_range(reads_of_a_while(), 2, READS_MAX);
}

static void test_a_group_that_is_not_there_yet_is_no_warning(void **state)
{
	static struct capture capture;

	read_answer = "-NOGROUP No such key 'jobs' or consumer group\r\n";
	group_answer = "+OK\r\n";
	log_init("test", "test", LOG_WARN);
	capture_start(&capture, STDOUT_FILENO);
	WAIT_FOR(reads[JOBS_SMALL] > 1 && reads[JOBS_LARGE] > 1);
	log_flush();
	assert_null(strstr(capture_end(&capture), "NOGROUP"));
}

static void test_a_read_that_does_not_wait_as_it_should_is_repeated_with_growing_pauses(void **state)
{
	read_answer = "*-1\r\n";
	assert_in_range(reads_of_a_while(), 2, READS_MAX);
}

static void test_a_reply_of_another_shape_is_asked_for_again_with_growing_pauses(void **state)
{
	read_answer = ":7\r\n";
	assert_in_range(reads_of_a_while(), 2, READS_MAX);
}

static void test_an_error_reply_is_asked_for_again_with_growing_pauses(void **state)
{
	read_answer = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
	assert_in_range(reads_of_a_while(), 2, READS_MAX);
}

#define RECEIVE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECEIVE_TEST(test_a_group_that_can_not_be_made_is_asked_for_with_growing_pauses),
		RECEIVE_TEST(test_a_group_that_is_made_and_missing_again_is_asked_for_with_growing_pauses),
		RECEIVE_TEST(test_a_group_that_is_not_there_yet_is_no_warning),
		RECEIVE_TEST(test_a_read_that_does_not_wait_as_it_should_is_repeated_with_growing_pauses),
		RECEIVE_TEST(test_a_reply_of_another_shape_is_asked_for_again_with_growing_pauses),
		RECEIVE_TEST(test_an_error_reply_is_asked_for_again_with_growing_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Receiving jobs from a Redis on which the consumer group is missing, and may not be makeable. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "jobs/jobs.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

static struct redis *redis;
static struct scope scope;
static const char *group_answer;

static const char *answer(const redisReply *command)
{
	return fake_redis_is(command, "XREADGROUP") ? "-NOGROUP No such key 'jobs' or consumer group\r\n" : group_answer;
}

static int set_up(void **state)
{
	struct redis_config config;

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	fake_redis_open(answer);
	config = fake_redis_config();
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	scope_init(&scope);
	WAIT_FOR(redis_is_ready(redis));
	return 0;
}

static int tear_down(void **state)
{
	redis_free(redis);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	return 0;
}

static struct outcome {
	bool is_there;
	enum status status;
} outcome;

static void received(enum status status, const struct job *jobs, int n, void *arg)
{
	outcome = (struct outcome){.is_there = true, .status = status};
}

static enum status receive_when_the_group_is_answered_with(const char *reply)
{
	outcome.is_there = false;
	group_answer = reply;
	jobs_receive(redis, &scope, JOBS_SMALL, "worker", 1, 1, received, NULL);
	WAIT_FOR(outcome.is_there);
	return outcome.status;
}

static void test_a_group_that_can_not_be_made_is_a_failure_and_not_an_empty_batch(void **state)
{
	assert_int_equal(
		receive_when_the_group_is_answered_with("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
		STATUS_UNAVAILABLE);
	assert_int_equal(receive_when_the_group_is_answered_with("-NOPERM this user has no permissions\r\n"),
			 STATUS_UNAVAILABLE);
}

static void test_a_group_that_another_worker_has_made_meanwhile_is_no_failure(void **state)
{
	assert_int_equal(receive_when_the_group_is_answered_with("-BUSYGROUP Consumer Group name already exists\r\n"),
			 STATUS_OK);
}

static void test_a_group_that_was_made_is_an_empty_batch(void **state)
{
	assert_int_equal(receive_when_the_group_is_answered_with("+OK\r\n"), STATUS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_group_that_can_not_be_made_is_a_failure_and_not_an_empty_batch, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_group_that_another_worker_has_made_meanwhile_is_no_failure, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_group_that_was_made_is_an_empty_batch, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

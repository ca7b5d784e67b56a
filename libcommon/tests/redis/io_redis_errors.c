/* What a Redis that refuses does to a call and to the connection. Each error comes from Redis itself, out of a script, worded
 * as Redis words it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "tests/capture.h"
#include "tests/redis/redis_fixture.h"

#define ERROR_SCRIPT "return redis.error_reply(ARGV[1])"

static void open_ready(void)
{
	struct redis_config config = fixture_config();

	fixture_ready(&config, NULL);
}

static enum status get_error(struct answer *answer, const char *text)
{
	return GET(answer, "EVAL", ERROR_SCRIPT, "0", text);
}

static void test_redis_own_troubles_are_unavailable_and_keep_the_connection(void **state)
{
	static const char *const texts[] = {
		"BUSY Redis is busy running a script.",
		"CLUSTERDOWN The cluster is down",
		"MISCONF Redis is configured to save RDB snapshots",
		"NOPERM this user has no permissions to run the 'xadd' command",
		"NOREPLICAS Not enough good replicas to write.",
		"OOM command not allowed when used memory > 'maxmemory'.",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"ERR Script killed by user with SCRIPT KILL... script: 694a5fe1, on @user_script:1.",
		"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed",
	};
	struct answer answer;

	open_ready();
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(get_error(&answer, texts[i]), STATUS_UNAVAILABLE);
		assert_int_equal(answer.type, REDIS_REPLY_ERROR);
		assert_true(redis_is_ready(redis));
	}
}

static void test_an_error_of_ours_is_internal_and_keeps_the_connection(void **state)
{
	struct answer answer;

	open_ready();
	assert_int_equal(get_error(&answer, "ERR syntax error"), STATUS_INTERNAL);
	assert_true(redis_is_ready(redis));
}

/* How often that error was logged, of a Redis that answers two errors in turn, as one does that is full and has lost a group.
 */
static int times_logged(const char *error, const char *other)
{
	static struct capture capture;
	const char *text;
	int times = 0;

	log_init("test", "test", LOG_INFO);
	capture_start(&capture, STDOUT_FILENO);
	for (int i = 0; i < 5; i++) {
		struct answer answer;

		get_error(&answer, error);
		get_error(&answer, other);
	}
	log_flush();
	text = capture_end(&capture);
	while ((text = strstr(text, error))) {
		text += strlen(error);
		times++;
	}
	return times;
}

static void test_an_expected_error_that_goes_on_is_logged_once_a_minute(void **state)
{
	static const char lost[] = "NOGROUP No such key 'jobs' or consumer group 'workers'";
	static const char full[] = "OOM command not allowed when used memory > 'maxmemory'.";

	open_ready();
	assert_int_equal(times_logged(lost, full), 1);
	assert_int_equal(times_logged(lost, full), 0);
	redis->logged_expected.at_us -= 60000000;
	assert_int_equal(times_logged(lost, full), 1);
}

static void test_a_server_that_is_the_wrong_one_is_unavailable_and_is_connected_to_anew(void **state)
{
	static const char *const texts[] = {
		"LOADING Redis is loading the dataset in memory",
		"MASTERDOWN Link with MASTER is down",
		"READONLY You can't write against a read only replica.",
		"MOVED 3999 127.0.0.1:6381",
		"ASK 3999 127.0.0.1:6381",
		"NOAUTH Authentication required.",
		"ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write",
	};
	struct answer answer;

	open_ready();
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		long long before = redis->client_id;

		assert_int_equal(get_error(&answer, texts[i]), STATUS_UNAVAILABLE);
		assert_false(answer.has_reply);
		WAIT_FOR(redis_is_ready(redis) && GET(&answer, "PING") == STATUS_OK);
		assert_int_not_equal(redis->client_id, before);
	}
}

static void test_what_is_in_flight_behind_such_an_error_is_unavailable_too(void **state)
{
	struct answer before, wrong, behind;

	open_ready();
	ASK(&before, "PING");
	ASK(&wrong, "EVAL", ERROR_SCRIPT, "0", "READONLY You can't write against a read only replica.");
	ASK(&behind, "INCR", "number");
	WAIT_FOR(answers == 3);
	assert_int_equal(before.status, STATUS_OK);
	assert_int_equal(wrong.status, STATUS_UNAVAILABLE);
	assert_int_equal(behind.status, STATUS_UNAVAILABLE);
	assert_int_equal(wrong.place, 2);
	assert_int_equal(behind.place, 3);
}

static int changes;

static void changed(bool is_ready, void *arg)
{
	changes += is_ready;
}

/* A replica accepts every new connection, so a back-off that began anew each time would never grow. */
static void test_while_the_server_stays_the_wrong_one_the_back_off_grows(void **state)
{
	struct answer answer;
	int64_t until_us;

	changes = 0;
	open_ready();
	redis_on_change(redis, changed, NULL);
	until_us = clock_monotonic_us() + 1500000;
	while (clock_monotonic_us() < until_us) {
		WAIT_FOR(redis_is_ready(redis));
		get_error(&answer, "READONLY You can't write against a read only replica.");
	}
	assert_in_range(changes, 2, 6); /* with 50, 100, 200, 400, 800 ms ± 25 % in between */
	assert_true(redis->has_reported_loss);
}

static void test_a_connection_that_lasts_ends_the_back_off(void **state)
{
	struct answer answer;

	open_ready();
	get_error(&answer, "READONLY You can't write against a read only replica.");
	WAIT_FOR(redis_is_ready(redis));
	assert_int_not_equal(redis->attempt, 0);
	redis->ready_us -= 60000000;
	WAIT_FOR(redis->attempt == 0);
	assert_true(redis_is_ready(redis));
	assert_false(redis->has_reported_loss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_redis_own_troubles_are_unavailable_and_keep_the_connection),
		REDIS_TEST(test_an_error_of_ours_is_internal_and_keeps_the_connection),
		REDIS_TEST(test_an_expected_error_that_goes_on_is_logged_once_a_minute),
		REDIS_TEST(test_a_server_that_is_the_wrong_one_is_unavailable_and_is_connected_to_anew),
		REDIS_TEST(test_what_is_in_flight_behind_such_an_error_is_unavailable_too),
		REDIS_TEST(test_while_the_server_stays_the_wrong_one_the_back_off_grows),
		REDIS_TEST(test_a_connection_that_lasts_ends_the_back_off),
	};

	return fixture_run("redis/io_redis_errors", tests, sizeof tests / sizeof *tests);
}

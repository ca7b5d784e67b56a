/* A Redis that answers the count of a limit with what its script never answers: INTERNAL, and never taken for a place that is
 * free. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "redis/limit.h"
#include "tests/redis/stand_in_client.h"

static const struct limit limits[] = {{"{limits}:a", "a", 5, 60}, {"{limits}:b", "b", 5, 3600}};

static struct {
	bool is_there;
	enum status status;
	long retry_s;
} outcome;

static int set_up(void **state)
{
	static const struct redis_script *const scripts[] = {&limit_count_script, &limit_undo_script, NULL};

	stand_in_connect(scripts);
	return 0;
}

static void counted(enum status status, long retry_s, void *arg)
{
	outcome.is_there = true;
	outcome.status = status;
	outcome.retry_s = retry_s;
}

static void count(const char *reply)
{
	stand_in.reply = reply;
	outcome.is_there = false;
	limit_count(redis, &scope, limits, 2, counted, NULL);
	WAIT_FOR(outcome.is_there);
}

static void test_the_seconds_of_the_longest_window_are_an_answer(void **state)
{
	count(":0\r\n");
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(outcome.retry_s, 0);
	count(":3600\r\n");
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(outcome.retry_s, 3600);
}

static void test_what_is_no_number_of_seconds_is_internal(void **state)
{
	static const char *const replies[] = {":-1\r\n",     ":3601\r\n", ":9223372036854775807\r\n",
					      "$1\r\n0\r\n", "$-1\r\n",   "*0\r\n"};

	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		count(replies[i]);
		assert_int_equal(outcome.status, STATUS_INTERNAL);
		assert_int_equal(outcome.retry_s, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_seconds_of_the_longest_window_are_an_answer, set_up,
						stand_in_tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_number_of_seconds_is_internal, set_up, stand_in_tear_down),
	};

	return cmocka_run_group_tests_name("test_limit", tests, NULL, NULL);
}

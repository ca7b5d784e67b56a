/* Buckets of tokens in memory: what they give is never more than the limit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "local_buckets.h"

#define TOKEN_US 20000 /* 50 a second */
#define MOST 500
#define START_US 1000000

static struct local_buckets *buckets;
static int64_t full_in_us;

static int set_up(void **state)
{
	buckets = local_buckets_new();
	return 0;
}

static int tear_down(void **state)
{
	local_buckets_free(buckets);
	return 0;
}

static long take(const char *name, long wanted, int64_t after_us)
{
	return local_buckets_take(buckets, name, wanted, TOKEN_US, MOST, START_US + after_us, &full_in_us);
}

static void a_bucket_gives_what_it_holds_and_no_more(void **state)
{
	assert_int_equal(take("a", 300, 0), 300);
	assert_int_equal(take("a", 300, 0), 200);
	assert_int_equal(full_in_us, MOST * TOKEN_US);
	assert_int_equal(take("a", 1, 0), 0);
}

static void each_name_has_a_bucket_of_its_own(void **state)
{
	assert_int_equal(take("a", MOST, 0), MOST);
	assert_int_equal(take("b", MOST, 0), MOST);
}

static void tokens_come_back_at_the_rate_until_the_bucket_is_full(void **state)
{
	assert_int_equal(take("a", MOST, 0), MOST);
	assert_int_equal(take("a", 10, TOKEN_US - 1), 0);
	assert_int_equal(take("a", 10, TOKEN_US), 1);
	assert_int_equal(take("a", 10, 4 * TOKEN_US), 3);
	assert_int_equal(take("a", 2 * MOST, 3600L * 1000000), MOST);
}

static void a_request_that_is_refused_does_not_delay_the_next_token(void **state)
{
	assert_int_equal(take("a", MOST, 0), MOST);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(take("a", 1, i), 0);
	assert_int_equal(take("a", 1, TOKEN_US), 1);
}

static void over_any_time_no_more_is_given_than_the_burst_and_the_rate(void **state)
{
	long given = 0;

	for (int64_t at = 0; at <= 10 * 1000000; at += 777)
		given += take("a", 3, at);
	assert_in_range(given, MOST + 499, MOST + 500);
}

static void a_bucket_in_use_stays_although_many_others_come(void **state)
{
	char name[32];

	assert_int_equal(take("a", MOST, 0), MOST);
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof name, "other-%d", i);
		assert_int_equal(take(name, 1, 0), 1);
		assert_int_equal(take("a", 1, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_bucket_gives_what_it_holds_and_no_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_name_has_a_bucket_of_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens_come_back_at_the_rate_until_the_bucket_is_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_request_that_is_refused_does_not_delay_the_next_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(over_any_time_no_more_is_given_than_the_burst_and_the_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bucket_in_use_stays_although_many_others_come, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A result is news once, until Redis may have lost it; every other message always is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "announcements.h"

static struct announcements *announcements;

static int set_up(void **state)
{
	announcements = announcements_new();
	return 0;
}

static int tear_down(void **state)
{
	announcements_free(announcements);
	return 0;
}

static bool is_news(const char *json)
{
	return announcements_are_news(announcements, json, strlen(json));
}

/* As finish.lua writes it. */
static bool is_news_of(const char *kind, long long index, int duration_us)
{
	char json[256];

	snprintf(json, sizeof json,
		 "{\"event\":\"value\",\"kind\":\"%s\",\"index\":%lld,\"digits\":1,\"preview\":\"1\",\"duration_us\":%d}", kind,
		 index, duration_us);
	return is_news(json);
}

static void test_a_result_is_news_once_however_long_its_calculation_took(void **state)
{
	assert_true(is_news_of("fibonacci", 7, 10));
	assert_false(is_news_of("fibonacci", 7, 10));
	assert_false(is_news_of("fibonacci", 7, 11));
}

static void test_kinds_and_indexes_differ(void **state)
{
	assert_true(is_news_of("fibonacci", 0, 1));
	assert_true(is_news_of("lucas", 0, 1));
	assert_true(is_news_of("fibonacci", 1, 1));
	assert_true(is_news_of("fibonacci", 4096, 1));
	assert_true(is_news_of("fibonacci", INT64_MAX, 1));
}

static void test_a_result_is_no_news_after_a_whole_window_of_others(void **state)
{
	static const char *const kinds[] = {"fibonacci", "lucas", "factorial", "primorial"};

	assert_true(is_news_of("lucas", 11320, 11));
	for (int i = 0; i < 10000; i++)
		assert_true(is_news_of(kinds[i % 4], 3000 + i / 4, 1));
	assert_false(is_news_of("lucas", 11320, 12));
}

static void test_any_other_message_is_always_news(void **state)
{
	static const char *const others[] = {"",
					     "{",
					     "{\"event\":\"ready\"}",
					     "{\"event\":\"value\"}",
					     "{\"event\":\"value\",\"kind\":\"ackermann\",\"index\":7,\"digits\":1}",
					     "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":-7,\"digits\":1}",
					     "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":seven,\"digits\":1}",
					     "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_true(is_news(others[i]));
		assert_true(is_news(others[i]));
	}
}

static void test_a_message_is_read_no_further_than_its_length(void **state)
{
	const char *json = "{\"event\":\"value\",\"kind\":\"lucas\",\"index\":71,\"digits\":2}";
	size_t len = (size_t)(strstr(json, "1,") - json);

	assert_true(announcements_are_news(announcements, json, len)); /* of lucas 7 */
	assert_true(is_news(json));
	assert_false(is_news_of("lucas", 71, 1));
}

static void test_after_redis_may_have_lost_results_each_is_news_again(void **state)
{
	assert_true(is_news_of("fibonacci", 7, 1));
	announcements_forget(announcements);
	assert_true(is_news_of("fibonacci", 7, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_result_is_news_once_however_long_its_calculation_took, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_kinds_and_indexes_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_result_is_no_news_after_a_whole_window_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_any_other_message_is_always_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_message_is_read_no_further_than_its_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_after_redis_may_have_lost_results_each_is_news_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

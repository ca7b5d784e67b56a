/* Times as people read them: RFC 3339 §5.6. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static const char *format(int64_t unix_ms)
{
	static char text[CLOCK_TEXT_BYTES];

	clock_format(unix_ms, text);
	return text;
}

static void test_the_epoch_is_written_with_milliseconds_and_z(void **state)
{
	assert_string_equal(format(0), "1970-01-01T00:00:00.000Z");
}

static void test_a_time_keeps_its_milliseconds(void **state)
{
	assert_string_equal(format(1767323045678), "2026-01-02T03:04:05.678Z");
	assert_string_equal(format(1767323045007), "2026-01-02T03:04:05.007Z");
}

static void test_two_times_of_the_same_second_differ_in_their_milliseconds(void **state)
{
	char first[CLOCK_TEXT_BYTES];

	clock_format(1767323045999, first);
	assert_string_equal(format(1767323045000), "2026-01-02T03:04:05.000Z");
	assert_string_equal(first, "2026-01-02T03:04:05.999Z");
}

static void test_the_next_second_is_not_taken_from_the_cache(void **state)
{
	format(1767323045999);
	assert_string_equal(format(1767323046000), "2026-01-02T03:04:06.000Z");
}

static void test_leap_day_and_the_end_of_a_year_are_right(void **state)
{
	assert_string_equal(format(951782400000), "2000-02-29T00:00:00.000Z");
	assert_string_equal(format(1767225599999), "2025-12-31T23:59:59.999Z");
}

static void test_times_before_the_epoch_count_their_milliseconds_forwards(void **state)
{
	assert_string_equal(format(-1), "1969-12-31T23:59:59.999Z");
	assert_string_equal(format(-1000), "1969-12-31T23:59:59.000Z");
	assert_string_equal(format(-1001), "1969-12-31T23:59:58.999Z");
}

static void test_the_last_moment_of_the_year_9999_is_the_last_that_can_be_written(void **state)
{
	assert_string_equal(format(253402300799999), "9999-12-31T23:59:59.999Z");
	assert_memory_equal(format(253402300800000), "0000-00-00T00:00:00", 19);
}

static void test_the_least_and_the_greatest_number_give_a_text_of_the_same_form(void **state)
{
	static const int64_t numbers[] = {INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(strlen(format(numbers[i])), CLOCK_TEXT_BYTES - 1);
		assert_memory_equal(format(numbers[i]), "0000-00-00T00:00:00.", 20);
	}
}

static void test_the_time_zone_of_the_machine_has_no_effect(void **state)
{
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	assert_string_equal(format(1767323045678), "2026-01-02T03:04:05.678Z");
	unsetenv("TZ");
	tzset();
}

static void test_the_monotonic_clock_never_goes_back(void **state)
{
	int64_t before = clock_monotonic_us();

	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_monotonic_us();

		assert_true(now >= before);
		before = now;
	}
}

static void test_the_monotonic_clock_counts_microseconds(void **state)
{
	struct timespec now;
	int64_t before_us = clock_monotonic_us(), now_us;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	assert_in_range(now_us, before_us, clock_monotonic_us());
}

static void test_the_wall_clock_counts_milliseconds_since_the_epoch(void **state)
{
	int64_t before_s = time(NULL), now_ms = clock_unix_ms();

	/* time() may lag by a tick of the kernel's clock. */
	assert_in_range(now_ms, before_s * 1000, (time(NULL) + 2) * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_epoch_is_written_with_milliseconds_and_z),
		cmocka_unit_test(test_a_time_keeps_its_milliseconds),
		cmocka_unit_test(test_two_times_of_the_same_second_differ_in_their_milliseconds),
		cmocka_unit_test(test_the_next_second_is_not_taken_from_the_cache),
		cmocka_unit_test(test_leap_day_and_the_end_of_a_year_are_right),
		cmocka_unit_test(test_times_before_the_epoch_count_their_milliseconds_forwards),
		cmocka_unit_test(test_the_last_moment_of_the_year_9999_is_the_last_that_can_be_written),
		cmocka_unit_test(test_the_least_and_the_greatest_number_give_a_text_of_the_same_form),
		cmocka_unit_test(test_the_time_zone_of_the_machine_has_no_effect),
		cmocka_unit_test(test_the_monotonic_clock_never_goes_back),
		cmocka_unit_test(test_the_monotonic_clock_counts_microseconds),
		cmocka_unit_test(test_the_wall_clock_counts_milliseconds_since_the_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Previews are found by their key, whole, and their number is bounded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "previews.h"

enum { ENTRIES = 4096 };

static struct previews *previews;

static int set_up(void **state)
{
	previews = previews_new();
	return 0;
}

static int tear_down(void **state)
{
	previews_free(previews);
	return 0;
}

static void keep(enum kind kind, int64_t index, const char *preview, size_t len)
{
	struct job_result result = {.key = {kind, index}, .state = JOB_DONE, .preview = preview, .preview_len = len};

	previews_keep(previews, &result);
}

static void keep_number(int64_t index)
{
	char text[24];

	keep(KIND_FIBONACCI, index, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)index));
}

static bool is_known(enum kind kind, int64_t index)
{
	return previews_find(previews, (struct job_key){kind, index}) != NULL;
}

static void assert_preview(enum kind kind, int64_t index, const char *expected, size_t expected_len)
{
	const struct job_result *result = previews_find(previews, (struct job_key){kind, index});

	assert_non_null(result);
	assert_int_equal(result->preview_len, expected_len);
	assert_memory_equal(result->preview, expected, expected_len);
}

static int count_known(int64_t end)
{
	int count = 0;

	for (int64_t i = 0; i < end; i++)
		count += is_known(KIND_FIBONACCI, i);
	return count;
}

/* ---- tests ---- */

static void test_a_preview_that_was_never_kept_is_not_found(void **state)
{
	assert_false(is_known(KIND_FIBONACCI, 0));
	keep_number(7);
	assert_false(is_known(KIND_FIBONACCI, 0));
	assert_false(is_known(KIND_FIBONACCI, INT64_MAX));
}

static void test_each_kind_has_its_own_previews(void **state)
{
	keep(KIND_FIBONACCI, 7, "21", 2);
	assert_false(is_known(KIND_LUCAS, 7));
	keep(KIND_LUCAS, 7, "29", 2);
	assert_preview(KIND_FIBONACCI, 7, "21", 2);
	assert_preview(KIND_LUCAS, 7, "29", 2);
}

static void test_a_preview_is_copied_with_its_length(void **state)
{
	char digits[JOBS_PREVIEW_DIGITS];

	memset(digits, '9', sizeof digits);
	keep(KIND_FACTORIAL, 1, digits, sizeof digits);
	keep(KIND_FACTORIAL, 2, digits, 1);
	memset(digits, '0', sizeof digits);
	assert_preview(KIND_FACTORIAL, 2, "9", 1);
	memset(digits, '9', sizeof digits);
	assert_preview(KIND_FACTORIAL, 1, digits, sizeof digits);
}

static void test_a_result_is_kept_with_its_digits_and_its_duration(void **state)
{
	struct job_result result = {
		.key = {KIND_LUCAS, 9}, .state = JOB_DONE, .digits = 2, .duration_us = 31, .preview = "76", .preview_len = 2};

	previews_keep(previews, &result);
	assert_int_equal(previews_find(previews, result.key)->state, JOB_DONE);
	assert_int_equal(previews_find(previews, result.key)->digits, 2);
	assert_int_equal(previews_find(previews, result.key)->duration_us, 31);
}

/* The largest page of GET /values/current. */
static void test_a_thousand_consecutive_indexes_are_all_kept(void **state)
{
	for (int64_t i = 500000; i < 501000; i++)
		keep_number(i);
	for (int64_t i = 500000; i < 501000; i++)
		assert_true(is_known(KIND_FIBONACCI, i));
}

static void test_when_all_sets_are_full_the_newest_previews_are_kept(void **state)
{
	for (int64_t i = 0; i < 3 * ENTRIES; i++) {
		keep_number(i);
		assert_true(is_known(KIND_FIBONACCI, i));
	}
	assert_int_equal(count_known(3 * ENTRIES), ENTRIES);
	assert_int_equal(count_known(2 * ENTRIES), 0);
}

static void test_keeping_a_preview_again_replaces_no_other(void **state)
{
	for (int64_t i = 0; i < 1000; i++)
		keep_number(i);
	for (int i = 0; i < ENTRIES; i++)
		keep_number(7);
	assert_int_equal(count_known(1000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_preview_that_was_never_kept_is_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_kind_has_its_own_previews, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_preview_is_copied_with_its_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_result_is_kept_with_its_digits_and_its_duration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_thousand_consecutive_indexes_are_all_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_when_all_sets_are_full_the_newest_previews_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeping_a_preview_again_replaces_no_other, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

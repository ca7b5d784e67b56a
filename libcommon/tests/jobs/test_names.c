/* The text forms of the job protocol: "kind:index", and what of a result is shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "jobs/jobs_internal.h"

static void test_a_name_is_read_back_into_its_key(void **state)
{
	struct job_key key;

	assert_int_equal(jobs_parse_name("lucas:90", &key), 0);
	assert_int_equal(key.kind, KIND_LUCAS);
	assert_int_equal(key.index, 90);
}

static void test_the_least_and_the_greatest_index_are_read(void **state)
{
	struct job_key key;

	assert_int_equal(jobs_parse_name("fibonacci:0", &key), 0);
	assert_int_equal(key.index, 0);
	assert_int_equal(jobs_parse_name("fibonacci:9223372036854775807", &key), 0);
	assert_int_equal(key.index, INT64_MAX);
}

static void test_each_key_survives_formatting_and_parsing(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct job_key key = {.kind = (enum kind)kind, .index = INT64_MAX - kind}, back;
		char name[JOBS_NAME_BYTES];

		job_name(key, name);
		assert_int_equal(jobs_parse_name(name, &back), 0);
		assert_int_equal(back.kind, key.kind);
		assert_int_equal(back.index, key.index);
	}
}

static void test_an_invalid_name_is_refused_and_sets_nothing(void **state)
{
	static const char *const names[] = {"",
					    ":",
					    "fibonacci",
					    "fibonacci:",
					    ":7",
					    "unknown:7",
					    "Fibonacci:7",
					    "fibonacci:-1",
					    "fibonacci:007",
					    "fibonacci:7 ",
					    "fibonacci: 7",
					    "fibonacci:7:8",
					    "fibonacci:x",
					    " fibonacci:7",
					    "fibonacci:9223372036854775808",
					    "fibonacci7",
					    "fibonaccifibonaccifibonaccifibonacci:7"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct job_key key = {.kind = KIND_COUNT, .index = 99};

		if (jobs_parse_name(names[i], &key) != -1)
			fail_msg("%s", names[i]);
		assert_int_equal(key.kind, KIND_COUNT);
		assert_int_equal(key.index, 99);
	}
}

static struct buf preview;

static int drop(void **state)
{
	buf_free(&preview);
	return 0;
}

/* A decimal whose first and last digits show where they come from. */
static void fill(char *digits, size_t len)
{
	for (size_t i = 0; i < len; i++)
		digits[i] = (char)('0' + i % 7);
}

static void test_a_short_result_is_shown_whole(void **state)
{
	jobs_preview("165580141", 9, &preview);
	assert_string_equal(preview.bytes, "165580141");
}

static void test_a_result_of_exactly_the_limit_is_shown_whole(void **state)
{
	char digits[JOBS_PREVIEW_DIGITS];

	fill(digits, sizeof digits);
	jobs_preview(digits, sizeof digits, &preview);
	assert_int_equal(preview.len, JOBS_PREVIEW_DIGITS);
	assert_memory_equal(preview.bytes, digits, sizeof digits);
}

static void test_a_result_of_one_digit_more_is_shortened_to_both_ends_and_its_length(void **state)
{
	char digits[JOBS_PREVIEW_DIGITS + 1];

	fill(digits, sizeof digits);
	jobs_preview(digits, sizeof digits, &preview);
	assert_memory_equal(preview.bytes, digits, 20);
	assert_memory_equal(preview.bytes + 20, "…", strlen("…"));
	assert_memory_equal(preview.bytes + 20 + strlen("…"), digits + sizeof digits - 20, 20);
	assert_string_equal(preview.bytes + 40 + strlen("…"), " (1001 digits)");
}

static void test_a_preview_is_added_after_what_is_there(void **state)
{
	buf_text(&preview, "x ");
	jobs_preview("7", 1, &preview);
	assert_string_equal(preview.bytes, "x 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_name_is_read_back_into_its_key, drop),
		cmocka_unit_test_teardown(test_the_least_and_the_greatest_index_are_read, drop),
		cmocka_unit_test_teardown(test_each_key_survives_formatting_and_parsing, drop),
		cmocka_unit_test_teardown(test_an_invalid_name_is_refused_and_sets_nothing, drop),
		cmocka_unit_test_teardown(test_a_short_result_is_shown_whole, drop),
		cmocka_unit_test_teardown(test_a_result_of_exactly_the_limit_is_shown_whole, drop),
		cmocka_unit_test_teardown(test_a_result_of_one_digit_more_is_shortened_to_both_ends_and_its_length, drop),
		cmocka_unit_test_teardown(test_a_preview_is_added_after_what_is_there, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole numbers from decimal text and back: each has one spelling. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "tests/random_input.h"

static void test_decimals_are_read_from_the_least_to_the_greatest(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
	} cases[] = {{"0", 0},   {"7", 7},  {"-7", -7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
		     {"10", 10}, {"-1", -1}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t number = 99;

		assert_int_equal(int64_parse(cases[i].text, &number), STATUS_OK);
		assert_int_equal(number, cases[i].number);
	}
}

static void test_other_spellings_of_a_number_are_refused(void **state)
{
	static const char *const texts[] = {"007", "00",  "-0",  "-01", "+7",  " 7",  "7 ",
					    "7\n", "\t7", "7.0", "1e3", "0x7", "--7", "- 7"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t number = 99;

		if (int64_parse(texts[i], &number) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
		assert_int_equal(number, 99);
	}
}

static void test_text_that_is_not_a_number_is_refused(void **state)
{
	static const char *const texts[] = {"", "-", "a", "7a", "٧", "\xFF"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t number;

		assert_int_equal(int64_parse(texts[i], &number), STATUS_INVALID);
	}
}

static void test_numbers_just_beyond_64_bits_are_refused(void **state)
{
	static const char *const texts[] = {"9223372036854775808",  "-9223372036854775809", "9999999999999999999",
					    "-9999999999999999999", "10000000000000000000", "100000000000000000000000000"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t number;

		assert_int_equal(int64_parse(texts[i], &number), STATUS_INVALID);
	}
}

static void test_random_numbers_survive_formatting_and_parsing(void **state)
{
	random_input_start();
	for (int round = 0; round < 10000; round++) {
		uint64_t bits = (uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^ (uint64_t)random();
		int64_t before = (int64_t)(bits >> random() % 64), after = before + 1;
		char text[32], formatted[INT64_TEXT_BYTES];

		before = random() % 2 ? before : -(before == INT64_MIN ? 0 : before);
		snprintf(text, sizeof text, "%" PRId64, before);
		assert_int_equal(int64_parse(text, &after), STATUS_OK);
		assert_int_equal(after, before);
		assert_int_equal(int64_format(before, formatted), strlen(text));
		assert_string_equal(formatted, text);
	}
}

static void test_the_least_and_the_greatest_number_fit_into_the_text(void **state)
{
	char text[INT64_TEXT_BYTES];

	assert_int_equal(int64_format(INT64_MIN, text), 20);
	assert_string_equal(text, "-9223372036854775808");
	assert_int_equal(int64_format(INT64_MAX, text), 19);
	assert_string_equal(text, "9223372036854775807");
	assert_int_equal(int64_format(0, text), 1);
	assert_string_equal(text, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimals_are_read_from_the_least_to_the_greatest),
		cmocka_unit_test(test_other_spellings_of_a_number_are_refused),
		cmocka_unit_test(test_text_that_is_not_a_number_is_refused),
		cmocka_unit_test(test_numbers_just_beyond_64_bits_are_refused),
		cmocka_unit_test(test_random_numbers_survive_formatting_and_parsing),
		cmocka_unit_test(test_the_least_and_the_greatest_number_fit_into_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

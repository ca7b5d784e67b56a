/* The kinds of calculation: their names and limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/kinds.h"

static void test_each_kind_has_its_documented_name(void **state)
{
	assert_string_equal(kind_name(KIND_FIBONACCI), "fibonacci");
	assert_string_equal(kind_name(KIND_LUCAS), "lucas");
	assert_string_equal(kind_name(KIND_FACTORIAL), "factorial");
	assert_string_equal(kind_name(KIND_PRIMORIAL), "primorial");
}

static void test_each_name_is_parsed_to_its_kind(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		enum kind found = KIND_COUNT;

		assert_int_equal(kind_parse(kind_name((enum kind)kind), &found), 0);
		assert_int_equal(found, kind);
	}
}

static void test_a_name_that_is_not_exactly_one_of_them_is_refused(void **state)
{
	static const char *const names[] = {"", "Fibonacci", "fibonacc", "fibonaccis", " lucas", "lucas ", "primes", "\xFF"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		enum kind kind = KIND_COUNT;

		assert_int_equal(kind_parse(names[i], &kind), -1);
		assert_int_equal(kind, KIND_COUNT);
	}
}

static void test_each_kind_is_described_in_one_line(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		const char *description = kind_description((enum kind)kind);

		assert_true(*description != '\0');
		assert_null(strchr(description, '\n'));
	}
}

static void load(struct kinds_config *ret_kinds, int expected_problems)
{
	struct config *config = config_new();

	config_load(config, kinds_options, ret_kinds);
	assert_int_equal(config_finish(config, "test"), expected_problems);
	config_free(config);
}

static void test_the_default_limits_are_set(void **state)
{
	struct kinds_config kinds;

	load(&kinds, 0);
	assert_int_equal(kinds.max[KIND_FIBONACCI], 1000000);
	assert_int_equal(kinds.max[KIND_LUCAS], 1000000);
	assert_int_equal(kinds.max[KIND_FACTORIAL], 100000);
	assert_int_equal(kinds.max[KIND_PRIMORIAL], 1000000);
}

static void test_each_limit_is_set_by_its_own_variable(void **state)
{
	static const char *const names[KIND_COUNT] = {"VALUES_MAX_FIBONACCI", "VALUES_MAX_LUCAS", "VALUES_MAX_FACTORIAL",
						      "VALUES_MAX_PRIMORIAL"};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct kinds_config kinds;

		setenv(names[kind], "41", 1);
		load(&kinds, 0);
		unsetenv(names[kind]);
		for (int other = 0; other < KIND_COUNT; other++)
			assert_int_equal(kinds.max[other] == 41, other == kind);
	}
}

static void test_a_limit_below_one_is_a_problem(void **state)
{
	struct kinds_config kinds;

	setenv("VALUES_MAX_LUCAS", "0", 1);
	load(&kinds, 1);
	unsetenv("VALUES_MAX_LUCAS");
}

static void test_index_0_of_each_kind_is_small_and_a_large_index_is_not(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		assert_true(kind_is_small((enum kind)kind, 0));
		assert_false(kind_is_small((enum kind)kind, 100000));
		assert_false(kind_is_small((enum kind)kind, INT64_MAX));
	}
}

static void test_no_estimate_is_below_that_of_a_lower_index(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int64_t index = 0; index < INT64_MAX / 2; index += index / 1000 + 1)
			if (kind_estimate_us((enum kind)kind, index) < 1 ||
			    kind_estimate_us((enum kind)kind, index + index / 1000 + 1) <
				    kind_estimate_us((enum kind)kind, index))
				fail_msg("%s of %lld", kind_name((enum kind)kind), (long long)index);
}

static void test_an_estimate_is_what_was_measured_at_a_point_and_in_between_in_proportion(void **state)
{
	assert_int_equal(kind_estimate_us(KIND_FIBONACCI, 0), 1);
	assert_int_equal(kind_estimate_us(KIND_FIBONACCI, 1000000), 7267);
	assert_int_equal(kind_estimate_us(KIND_FIBONACCI, 200000), (242 + 1278) / 2);
	assert_int_equal(kind_estimate_us(KIND_FACTORIAL, 1000000), 513787);
	assert_in_range(kind_estimate_us(KIND_FACTORIAL, 2000000), 1000000, 1200000);
}

static void test_the_highest_small_index_is_followed_by_one_that_is_not(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		int64_t most = kind_small_max((enum kind)kind);

		assert_true(kind_is_small((enum kind)kind, most));
		assert_false(kind_is_small((enum kind)kind, most + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_has_its_documented_name),
		cmocka_unit_test(test_each_name_is_parsed_to_its_kind),
		cmocka_unit_test(test_a_name_that_is_not_exactly_one_of_them_is_refused),
		cmocka_unit_test(test_each_kind_is_described_in_one_line),
		cmocka_unit_test(test_the_default_limits_are_set),
		cmocka_unit_test(test_each_limit_is_set_by_its_own_variable),
		cmocka_unit_test(test_a_limit_below_one_is_a_problem),
		cmocka_unit_test(test_index_0_of_each_kind_is_small_and_a_large_index_is_not),
		cmocka_unit_test(test_no_estimate_is_below_that_of_a_lower_index),
		cmocka_unit_test(test_an_estimate_is_what_was_measured_at_a_point_and_in_between_in_proportion),
		cmocka_unit_test(test_the_highest_small_index_is_followed_by_one_that_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

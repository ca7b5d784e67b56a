/* Reading members of an object: texts, whole numbers, flags. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static cJSON *json;

static int drop(void **state)
{
	cJSON_Delete(json);
	json = NULL;
	return 0;
}

static enum status parse(const char *text)
{
	drop(NULL);
	return json_parse(text, strlen(text), &json);
}

static void test_text_is_found_by_its_exact_key(void **state)
{
	assert_int_equal(parse("{\"Name\":\"other\",\"name\":\"this\"}"), STATUS_OK);
	assert_string_equal(json_text(json, "name"), "this");
	assert_null(json_text(json, "NAME"));
}

static void test_a_member_that_is_not_text_reads_as_null(void **state)
{
	assert_int_equal(parse("{\"a\":1,\"b\":null,\"c\":[\"x\"]}"), STATUS_OK);
	assert_null(json_text(json, "a"));
	assert_null(json_text(json, "b"));
	assert_null(json_text(json, "c"));
}

static void test_a_value_that_is_not_an_object_has_no_members(void **state)
{
	assert_int_equal(parse("[1,\"a\"]"), STATUS_OK);
	assert_null(json_text(json, "a"));
	assert_false(json_has(json, "a"));
	assert_null(json_text(NULL, "a"));
}

static void test_a_member_is_there_even_when_it_is_null(void **state)
{
	assert_int_equal(parse("{\"a\":null}"), STATUS_OK);
	assert_true(json_has(json, "a"));
	assert_false(json_has(json, "A"));
}

static enum status read_int(const char *number, int64_t *ret)
{
	char text[100];

	snprintf(text, sizeof text, "{\"n\":%s}", number);
	assert_int_equal(parse(text), STATUS_OK);
	return json_int(json, "n", ret);
}

static void test_whole_numbers_are_read_however_they_are_written(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
	} cases[] = {{"0", 0},
		     {"-0", 0},
		     {"7", 7},
		     {"-7", -7},
		     {"1e3", 1000},
		     {"12.0", 12},
		     {"1.5e1", 15},
		     {"2147483648", 2147483648},
		     {"9007199254740991", 9007199254740991},
		     {"-9007199254740991", -9007199254740991}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t number = 99;

		assert_int_equal(read_int(cases[i].text, &number), STATUS_OK);
		assert_int_equal(number, cases[i].number);
	}
}

static void test_numbers_that_are_not_whole_or_too_large_for_a_double_are_refused(void **state)
{
	static const char *const texts[] = {"0.5",
					    "-1.25",
					    "9007199254740993",
					    "-9007199254740993",
					    "9223372036854775807",
					    "18446744073709551616",
					    "1e300",
					    "-1e300",
					    "1e-9"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t number = 99;

		if (read_int(texts[i], &number) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
		assert_int_equal(number, 99);
	}
}

static void test_a_member_that_is_not_a_number_is_invalid(void **state)
{
	static const char *const texts[] = {"\"7\"", "true", "null", "[7]", "{}"};
	int64_t number;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(read_int(texts[i], &number), STATUS_INVALID);
	assert_int_equal(json_int(json, "absent", &number), STATUS_INVALID);
}

static void test_only_true_and_false_are_flags(void **state)
{
	bool flag = false;

	assert_int_equal(parse("{\"t\":true,\"f\":false,\"n\":1,\"s\":\"true\",\"z\":null}"), STATUS_OK);
	assert_int_equal(json_bool(json, "t", &flag), STATUS_OK);
	assert_true(flag);
	assert_int_equal(json_bool(json, "f", &flag), STATUS_OK);
	assert_false(flag);
	assert_int_equal(json_bool(json, "n", &flag), STATUS_INVALID);
	assert_int_equal(json_bool(json, "s", &flag), STATUS_INVALID);
	assert_int_equal(json_bool(json, "z", &flag), STATUS_INVALID);
	assert_int_equal(json_bool(json, "absent", &flag), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_text_is_found_by_its_exact_key, drop),
		cmocka_unit_test_teardown(test_a_member_that_is_not_text_reads_as_null, drop),
		cmocka_unit_test_teardown(test_a_value_that_is_not_an_object_has_no_members, drop),
		cmocka_unit_test_teardown(test_a_member_is_there_even_when_it_is_null, drop),
		cmocka_unit_test_teardown(test_whole_numbers_are_read_however_they_are_written, drop),
		cmocka_unit_test_teardown(test_numbers_that_are_not_whole_or_too_large_for_a_double_are_refused, drop),
		cmocka_unit_test_teardown(test_a_member_that_is_not_a_number_is_invalid, drop),
		cmocka_unit_test_teardown(test_only_true_and_false_are_flags, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Configuration from the environment. The rules of each type are in test_config_types.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/config.h"
#include "tests/capture.h"
#include "tests/environment.h"

struct settings {
	char *name, *url;
	long count;
};

static const struct config_option options[] = {
	{"T_NAME", CONFIG_TEXT, offsetof(struct settings, name), NULL, "a name", 0, 0, false},
	{"T_URL", CONFIG_URL, offsetof(struct settings, url), NULL, "an address", 0, 0, true},
	{"T_COUNT", CONFIG_INT, offsetof(struct settings, count), "7", "how many", 1, 100, false},
	{0},
};

static struct config *config;
static struct settings settings;
static struct capture capture;

static int close_config(void **state)
{
	config_release(options, &settings);
	config_free(config);
	config = NULL;
	settings = (struct settings){0};
	environment_restore();
	return 0;
}

/* Returns what was printed; *ret_problems is the number of problems. */
static const char *load(int *ret_problems)
{
	config = config_new();
	config_load(config, options, &settings);
	capture_start(&capture, STDERR_FILENO);
	*ret_problems = config_finish(config, "daemon");
	return capture_end(&capture);
}

static void test_variables_land_in_the_struct_and_no_problem_is_printed(void **state)
{
	int problems;

	environment_set("T_NAME", "Ada");
	environment_set("T_URL", "redis://h");
	environment_set("T_COUNT", "41");
	assert_string_equal(load(&problems), "");
	assert_int_equal(problems, 0);
	assert_string_equal(settings.name, "Ada");
	assert_string_equal(settings.url, "redis://h");
	assert_int_equal(settings.count, 41);
}

static void test_an_unset_option_takes_its_default_and_an_optional_one_stays_empty(void **state)
{
	int problems;

	environment_set("T_NAME", "Ada");
	load(&problems);
	assert_int_equal(problems, 0);
	assert_int_equal(settings.count, 7);
	assert_null(settings.url);
}

static void test_a_required_variable_that_is_not_set_is_named_with_both_ways_to_set_it(void **state)
{
	int problems;

	assert_string_equal(load(&problems), "daemon: T_NAME: is not set; set T_NAME or T_NAME_FILE\n");
	assert_int_equal(problems, 1);
}

static void test_an_empty_variable_counts_as_not_set(void **state)
{
	int problems;

	environment_set("T_NAME", "");
	environment_set("T_COUNT", "");
	load(&problems);
	assert_int_equal(problems, 1);
	assert_null(settings.name);
	assert_int_equal(settings.count, 7);
}

static void test_all_problems_are_reported_at_once(void **state)
{
	const char *printed;
	int problems;

	environment_set("APP_ENV", "prod");
	environment_set("T_COUNT", "many");
	printed = load(&problems);
	assert_int_equal(problems, 3);
	assert_non_null(strstr(printed, "daemon: APP_ENV: "));
	assert_non_null(strstr(printed, "daemon: T_NAME: "));
	assert_non_null(strstr(printed, "daemon: T_COUNT: "));
}

static void test_problems_of_several_tables_and_rules_are_collected(void **state)
{
	static const struct config_option more[] = {{"T_MORE", CONFIG_TEXT, 0, NULL, "more", 0, 0, false}, {0}};
	char *into = NULL;

	config = config_new();
	config_load(config, options, &settings);
	config_load(config, more, &into);
	config_problem(config, "%s or %s: set one", "T_A", "T_B");
	capture_start(&capture, STDERR_FILENO);
	int problems = config_finish(config, "daemon");
	capture_end(&capture);
	assert_int_equal(problems, 3);
	assert_non_null(strstr(capture.text, "T_NAME: is not set"));
	assert_non_null(strstr(capture.text, "T_MORE: is not set"));
	assert_non_null(strstr(capture.text, "daemon: T_A or T_B: set one\n"));
}

static void test_a_file_replaces_the_variable_without_its_last_newline(void **state)
{
	int problems;

	environment_set_file("T_NAME_FILE", "Ada\n\n", 5);
	load(&problems);
	assert_int_equal(problems, 0);
	assert_string_equal(settings.name, "Ada\n");
}

static void test_a_file_without_a_newline_is_read_whole(void **state)
{
	int problems;

	environment_set_file("T_NAME_FILE", "Ada", 3);
	load(&problems);
	assert_int_equal(problems, 0);
	assert_string_equal(settings.name, "Ada");
}

static void test_a_number_may_come_from_a_file(void **state)
{
	int problems;

	environment_set("T_NAME", "Ada");
	environment_set_file("T_COUNT_FILE", "41\n", 3);
	load(&problems);
	assert_int_equal(problems, 0);
	assert_int_equal(settings.count, 41);
}

static void test_a_variable_and_its_file_exclude_each_other(void **state)
{
	int problems;

	environment_set("T_NAME", "Ada");
	environment_set_file("T_NAME_FILE", "Bob", 3);
	assert_string_equal(load(&problems), "daemon: T_NAME: set either T_NAME or T_NAME_FILE, not both\n");
	assert_int_equal(problems, 1);
}

static void test_an_empty_variable_beside_its_file_is_no_conflict(void **state)
{
	int problems;

	environment_set("T_NAME", "");
	environment_set_file("T_NAME_FILE", "Bob", 3);
	load(&problems);
	assert_int_equal(problems, 0);
	assert_string_equal(settings.name, "Bob");
}

static void test_an_empty_file_counts_as_not_set(void **state)
{
	int problems;

	environment_set_file("T_NAME_FILE", "\n", 1);
	environment_set_file("T_COUNT_FILE", "", 0);
	load(&problems);
	assert_int_equal(problems, 1);
	assert_null(settings.name);
	assert_int_equal(settings.count, 7);
}

static void test_a_file_that_can_not_be_read_is_a_problem(void **state)
{
	int problems;

	environment_set("T_NAME_FILE", "/does/not/exist");
	assert_non_null(strstr(load(&problems), "T_NAME_FILE: /does/not/exist can not be read"));
}

static void test_a_folder_in_place_of_a_file_is_a_problem(void **state)
{
	int problems;

	environment_set("T_NAME_FILE", "/");
	assert_non_null(strstr(load(&problems), "T_NAME_FILE: / "));
}

static void test_a_file_with_a_nul_is_a_problem(void **state)
{
	int problems;

	environment_set_file("T_NAME_FILE", "A\0da", 4);
	assert_non_null(strstr(load(&problems), "is not a text file"));
}

static void test_a_file_of_64_kib_is_read_and_a_longer_one_a_problem(void **state)
{
	static char bytes[64 * 1024 + 1];
	int problems;

	memset(bytes, 'x', sizeof bytes);
	environment_set_file("T_NAME_FILE", bytes, sizeof bytes - 1);
	load(&problems);
	assert_int_equal(problems, 0);
	assert_int_equal(strlen(settings.name), sizeof bytes - 1);
	close_config(NULL);
	environment_set_file("T_NAME_FILE", bytes, sizeof bytes);
	assert_non_null(strstr(load(&problems), "at most 65536 bytes"));
}

static void test_a_problem_longer_than_a_line_is_truncated_and_the_next_one_is_whole(void **state)
{
	static char text[3000];

	memset(text, 'x', sizeof text - 1);
	config = config_new();
	config_problem(config, "%s", text);
	config_problem(config, "the next");
	capture_start(&capture, STDERR_FILENO);
	int problems = config_finish(config, "daemon");
	capture_end(&capture);
	assert_int_equal(problems, 2);
	assert_non_null(strstr(capture.text, "x\ndaemon: the next\n"));
}

static void test_releasing_frees_the_texts_and_may_be_repeated(void **state)
{
	int problems;

	environment_set("T_NAME", "Ada");
	environment_set("T_COUNT", "41");
	load(&problems);
	config_release(options, &settings);
	assert_null(settings.name);
	assert_int_equal(settings.count, 41);
	config_release(options, &settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_variables_land_in_the_struct_and_no_problem_is_printed, close_config),
		cmocka_unit_test_teardown(test_an_unset_option_takes_its_default_and_an_optional_one_stays_empty, close_config),
		cmocka_unit_test_teardown(test_a_required_variable_that_is_not_set_is_named_with_both_ways_to_set_it,
					  close_config),
		cmocka_unit_test_teardown(test_an_empty_variable_counts_as_not_set, close_config),
		cmocka_unit_test_teardown(test_all_problems_are_reported_at_once, close_config),
		cmocka_unit_test_teardown(test_problems_of_several_tables_and_rules_are_collected, close_config),
		cmocka_unit_test_teardown(test_a_file_replaces_the_variable_without_its_last_newline, close_config),
		cmocka_unit_test_teardown(test_a_file_without_a_newline_is_read_whole, close_config),
		cmocka_unit_test_teardown(test_a_number_may_come_from_a_file, close_config),
		cmocka_unit_test_teardown(test_a_variable_and_its_file_exclude_each_other, close_config),
		cmocka_unit_test_teardown(test_an_empty_variable_beside_its_file_is_no_conflict, close_config),
		cmocka_unit_test_teardown(test_an_empty_file_counts_as_not_set, close_config),
		cmocka_unit_test_teardown(test_a_file_that_can_not_be_read_is_a_problem, close_config),
		cmocka_unit_test_teardown(test_a_folder_in_place_of_a_file_is_a_problem, close_config),
		cmocka_unit_test_teardown(test_a_file_with_a_nul_is_a_problem, close_config),
		cmocka_unit_test_teardown(test_a_file_of_64_kib_is_read_and_a_longer_one_a_problem, close_config),
		cmocka_unit_test_teardown(test_a_problem_longer_than_a_line_is_truncated_and_the_next_one_is_whole,
					  close_config),
		cmocka_unit_test_teardown(test_releasing_frees_the_texts_and_may_be_repeated, close_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

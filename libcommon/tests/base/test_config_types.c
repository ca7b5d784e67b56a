/* What each type of option accepts, the rules for secrets, and --help. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "base/config.h"
#include "tests/capture.h"
#include "tests/environment.h"

#define SECRET_DEFAULT "a default that is long enough to pass, if only it were none"
#define SECRET_32 "0123456789abcdef0123456789abcdef"

struct settings {
	char *secret, *url;
	long bounded, unbounded;
	bool flag;
};

static const struct config_option options[] = {
	{"T_SECRET", CONFIG_SECRET, offsetof(struct settings, secret), SECRET_DEFAULT, "the key", 0, 0, false},
	{"T_URL", CONFIG_URL, offsetof(struct settings, url), "redis://me:hidden@h:1/2", "an address", 0, 0, false},
	{"T_BOUNDED", CONFIG_INT, offsetof(struct settings, bounded), "7", "from 5 to 9", 5, 9, false},
	{"T_UNBOUNDED", CONFIG_INT, offsetof(struct settings, unbounded), NULL, "any", 0, 0, true},
	{"T_FLAG", CONFIG_BOOL, offsetof(struct settings, flag), NULL, "yes or no", 0, 0, true},
	{"T_NEEDED", CONFIG_TEXT, offsetof(struct settings, url), NULL, "something", 0, 0, false},
	{"T_PREVIOUS", CONFIG_SECRET, offsetof(struct settings, secret), NULL, "the key before", 0, 0, true},
	{0},
};
#define TABLE_OF_ONE(n) ((const struct config_option[]){options[n], {0}})

static struct settings settings;
static struct capture capture;

static int close_settings(void **state)
{
	config_release(options, &settings);
	settings = (struct settings){0};
	environment_restore();
	return 0;
}

/* Loads one option alone and returns what was printed. */
static const char *load(int option)
{
	struct config *config = config_new();
	int problems;

	config_release(options, &settings);
	settings = (struct settings){0};
	config_load(config, TABLE_OF_ONE(option), &settings);
	capture_start(&capture, STDERR_FILENO);
	problems = config_finish(config, "daemon");
	capture_end(&capture);
	config_free(config);
	assert_int_equal(problems == 0, *capture.text == '\0');
	return capture.text;
}

static void test_the_environment_is_development_unless_app_env_is_set(void **state)
{
	struct config *config;

	unsetenv("APP_ENV"); /* the environment of the test run may have set it */
	config = config_new();
	assert_int_equal(config_env(config), APP_ENV_DEVELOPMENT);
	config_free(config);
}

static void test_each_environment_is_set_by_its_name(void **state)
{
	static const char *const names[] = {"development", "testing", "staging", "production"};

	for (int env = APP_ENV_DEVELOPMENT; env <= APP_ENV_PRODUCTION; env++) {
		struct config *config;

		environment_set("APP_ENV", names[env]);
		config = config_new();
		assert_int_equal(config_env(config), env);
		config_free(config);
	}
}

static void test_an_unknown_environment_is_a_problem_and_counts_as_production(void **state)
{
	struct config *config;
	int problems;

	environment_set("APP_ENV", "Production");
	config = config_new();
	capture_start(&capture, STDERR_FILENO);
	problems = config_finish(config, "daemon");
	capture_end(&capture);
	assert_int_equal(problems, 1);
	assert_int_equal(config_env(config), APP_ENV_PRODUCTION);
	config_free(config);
}

static void test_numbers_at_their_bounds_are_accepted(void **state)
{
	environment_set("T_BOUNDED", "5");
	assert_string_equal(load(2), "");
	assert_int_equal(settings.bounded, 5);
	environment_set("T_BOUNDED", "9");
	assert_string_equal(load(2), "");
	assert_int_equal(settings.bounded, 9);
}

static void test_numbers_beyond_their_bounds_are_refused_with_the_bounds(void **state)
{
	environment_set("T_BOUNDED", "4");
	assert_string_equal(load(2), "daemon: T_BOUNDED: must be from 5 to 9\n");
	environment_set("T_BOUNDED", "10");
	assert_string_equal(load(2), "daemon: T_BOUNDED: must be from 5 to 9\n");
}

static void test_an_unbounded_number_goes_from_the_least_to_the_greatest(void **state)
{
	environment_set("T_UNBOUNDED", "-9223372036854775808");
	assert_string_equal(load(3), "");
	assert_true(settings.unbounded == LONG_MIN);
	environment_set("T_UNBOUNDED", "9223372036854775807");
	assert_string_equal(load(3), "");
	assert_true(settings.unbounded == LONG_MAX);
}

static void test_text_that_is_not_a_whole_number_is_refused(void **state)
{
	static const char *const texts[] = {
		"x", "7x", "7.0", "1e3", "7 ", "-", "0x10", "9223372036854775808", "-9223372036854775809"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		setenv("T_UNBOUNDED", texts[i], 1);
		load(3);
		unsetenv("T_UNBOUNDED");
		assert_string_equal(capture.text, "daemon: T_UNBOUNDED: must be a whole number\n");
	}
}

static void test_flags_are_read_in_any_case(void **state)
{
	static const struct {
		const char *text;
		bool flag;
	} cases[] = {{"true", true},   {"TRUE", true},   {"1", true},  {"yes", true}, {"Yes", true},
		     {"false", false}, {"False", false}, {"0", false}, {"no", false}, {"NO", false}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		setenv("T_FLAG", cases[i].text, 1);
		load(4);
		unsetenv("T_FLAG");
		assert_string_equal(capture.text, "");
		assert_int_equal(settings.flag, cases[i].flag);
	}
}

static void test_text_that_is_not_a_flag_is_refused(void **state)
{
	static const char *const texts[] = {"on", "off", "2", "t", "truee", " true"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		setenv("T_FLAG", texts[i], 1);
		load(4);
		unsetenv("T_FLAG");
		assert_string_equal(capture.text, "daemon: T_FLAG: must be true or false\n");
	}
}

static void test_an_optional_flag_or_number_that_is_not_set_is_zero(void **state)
{
	settings.flag = false;
	assert_string_equal(load(4), "");
	assert_false(settings.flag);
	assert_string_equal(load(3), "");
	assert_int_equal(settings.unbounded, 0);
}

static void test_development_and_testing_accept_the_default_secret_and_short_ones(void **state)
{
	static const char *const names[] = {"development", "testing"};

	for (size_t i = 0; i < 2; i++) {
		environment_set("APP_ENV", names[i]);
		unsetenv("T_SECRET");
		assert_string_equal(load(0), "");
		assert_string_equal(settings.secret, SECRET_DEFAULT);
		environment_set("T_SECRET", "short");
		assert_string_equal(load(0), "");
		assert_string_equal(settings.secret, "short");
	}
}

static void refuses_weak_secrets(const char *env)
{
	environment_set("APP_ENV", env);
	assert_non_null(strstr(load(0), "T_SECRET: the default is for development alone"));
	environment_set("T_SECRET", SECRET_DEFAULT);
	assert_non_null(strstr(load(0), "T_SECRET: the default is for development alone"));
	environment_set("T_SECRET", &SECRET_32[1]);
	assert_non_null(strstr(load(0), "T_SECRET: must have at least 32 bytes"));
	environment_set("T_SECRET", SECRET_32);
	assert_string_equal(load(0), "");
	assert_string_equal(settings.secret, SECRET_32);
}

static void test_staging_refuses_the_default_secret_and_one_under_32_bytes(void **state)
{
	refuses_weak_secrets("staging");
}

static void test_production_refuses_the_default_secret_and_one_under_32_bytes(void **state)
{
	refuses_weak_secrets("production");
}

static void test_the_development_key_is_refused_in_a_secret_with_another_default_or_none(void **state)
{
	for (enum app_env env = APP_ENV_DEVELOPMENT; env <= APP_ENV_PRODUCTION; env++) {
		const char *expected = env < APP_ENV_STAGING ? "" : "holds a secret that the repository shows";

		environment_set("APP_ENV", (const char *[]){"development", "testing", "staging", "production"}[env]);
		environment_set("T_SECRET", CONFIG_DEVELOPMENT_KEY);
		assert_non_null(strstr(load(0), expected));
		environment_set("T_PREVIOUS", CONFIG_DEVELOPMENT_KEY);
		assert_non_null(strstr(load(6), expected));
		environment_set_file("T_PREVIOUS_FILE", CONFIG_DEVELOPMENT_KEY "\n", sizeof CONFIG_DEVELOPMENT_KEY);
		unsetenv("T_PREVIOUS");
		assert_non_null(strstr(load(6), expected));
		unsetenv("T_PREVIOUS_FILE");
	}
}

static void test_a_secret_that_is_refused_is_never_printed(void **state)
{
	environment_set("APP_ENV", "production");
	environment_set("T_SECRET", "hush");
	environment_set_file("T_SECRET_FILE", "hidden", 6);
	load(0);
	assert_true(capture.len > 0);
	assert_null(strstr(capture.text, "hush"));
	assert_null(strstr(capture.text, "hidden"));
}

static const char *help(void)
{
	capture_start(&capture, STDOUT_FILENO);
	config_help(stdout, options);
	return capture_end(&capture);
}

static void test_help_has_a_line_for_each_option_with_its_default_and_meaning(void **state)
{
	size_t lines = 0;

	help();
	for (const char *at = capture.text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, sizeof options / sizeof *options - 1);
	assert_non_null(strstr(capture.text, "from 5 to 9 [7]\n"));
	assert_non_null(strstr(capture.text, "yes or no [unset]\n"));
	assert_non_null(strstr(capture.text, "something [required]\n"));
}

static void test_help_shows_no_secret(void **state)
{
	assert_null(strstr(help(), SECRET_DEFAULT));
	assert_non_null(strstr(capture.text, "T_SECRET"));
}

static void test_help_shows_a_url_without_its_password(void **state)
{
	assert_null(strstr(help(), "hidden"));
	assert_non_null(strstr(capture.text, "h:1/2]\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_environment_is_development_unless_app_env_is_set, close_settings),
		cmocka_unit_test_teardown(test_each_environment_is_set_by_its_name, close_settings),
		cmocka_unit_test_teardown(test_an_unknown_environment_is_a_problem_and_counts_as_production, close_settings),
		cmocka_unit_test_teardown(test_numbers_at_their_bounds_are_accepted, close_settings),
		cmocka_unit_test_teardown(test_numbers_beyond_their_bounds_are_refused_with_the_bounds, close_settings),
		cmocka_unit_test_teardown(test_an_unbounded_number_goes_from_the_least_to_the_greatest, close_settings),
		cmocka_unit_test_teardown(test_text_that_is_not_a_whole_number_is_refused, close_settings),
		cmocka_unit_test_teardown(test_flags_are_read_in_any_case, close_settings),
		cmocka_unit_test_teardown(test_text_that_is_not_a_flag_is_refused, close_settings),
		cmocka_unit_test_teardown(test_an_optional_flag_or_number_that_is_not_set_is_zero, close_settings),
		cmocka_unit_test_teardown(test_development_and_testing_accept_the_default_secret_and_short_ones,
					  close_settings),
		cmocka_unit_test_teardown(test_staging_refuses_the_default_secret_and_one_under_32_bytes, close_settings),
		cmocka_unit_test_teardown(test_production_refuses_the_default_secret_and_one_under_32_bytes, close_settings),
		cmocka_unit_test_teardown(test_the_development_key_is_refused_in_a_secret_with_another_default_or_none,
					  close_settings),
		cmocka_unit_test_teardown(test_a_secret_that_is_refused_is_never_printed, close_settings),
		cmocka_unit_test_teardown(test_help_has_a_line_for_each_option_with_its_default_and_meaning, close_settings),
		cmocka_unit_test_teardown(test_help_shows_no_secret, close_settings),
		cmocka_unit_test_teardown(test_help_shows_a_url_without_its_password, close_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

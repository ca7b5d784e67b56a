/* Parameters of a statement, and what is refused as a database URL before libpq sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "postgres/postgres.h"
#include "tests/environment.h"

static void test_parameters_keep_their_order(void **state)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, "first");
	postgres_param_int(&params, 2);
	postgres_param_bool(&params, true);
	assert_int_equal(params.count, 3);
	assert_string_equal(params.texts[0], "first");
	assert_string_equal(params.texts[1], "2");
	assert_string_equal(params.texts[2], "true");
}

static void test_a_missing_text_is_sql_null(void **state)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, NULL);
	assert_int_equal(params.count, 1);
	assert_null(params.texts[0]);
}

static void test_the_least_and_the_greatest_integer_are_written_whole(void **state)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, INT64_MIN);
	postgres_param_int(&params, INT64_MAX);
	assert_string_equal(params.texts[0], "-9223372036854775808");
	assert_string_equal(params.texts[1], "9223372036854775807");
}

static void test_false_is_written_as_postgres_reads_it(void **state)
{
	struct postgres_params params = {0};

	postgres_param_bool(&params, false);
	assert_string_equal(params.texts[0], "false");
}

static const char *problem_of(const char *url)
{
	char copy[200];
	struct postgres_config config = {.url = strcpy(copy, url)};

	return postgres_config_problem(&config);
}

static void test_both_names_of_the_url_scheme_are_accepted(void **state)
{
	assert_null(problem_of("postgres://user:password@127.0.0.1:5432/values"));
	assert_null(problem_of("postgresql://user@[::1]/values?sslmode=require"));
}

static void test_no_url_leaves_it_to_libpq(void **state)
{
	assert_null(postgres_config_problem(&(struct postgres_config){0}));
}

static void test_what_is_not_a_url_of_postgres_is_refused_without_repeating_it(void **state)
{
	static const char *const urls[] = {"mysql://user:hidden@host/db", "hidden", "host=localhost password=hidden",
					   "postgres://user:hidden@[::1/db", "postgres://user:hidden@host/db?hidden"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		assert_non_null(problem_of(urls[i]));
		assert_null(strstr(problem_of(urls[i]), "hidden"));
	}
}

static void test_the_test_database_is_used_only_in_testing(void **state)
{
	for (enum app_env env = APP_ENV_DEVELOPMENT; env <= APP_ENV_PRODUCTION; env++) {
		char url[] = "postgres://real", test_url[] = "postgres://test";
		struct postgres_config config = {.url = url, .test_url = test_url};

		postgres_config_choose(&config, env);
		assert_ptr_equal(config.url, env == APP_ENV_TESTING ? test_url : url);
		assert_int_equal(config.variable != NULL, env == APP_ENV_TESTING);
	}
}

static int restore_environment(void **state)
{
	environment_restore();
	return 0;
}

static int problems_of(const char *env, char *url)
{
	struct postgres_config postgres = {.url = url};
	struct config *config;
	int count;

	environment_set("APP_ENV", env);
	config = config_new();
	postgres_config_check(&postgres, config);
	count = config_finish(config, "daemon");
	config_free(config);
	return count;
}

static void test_a_password_that_the_repository_shows_is_refused_in_staging_and_production(void **state)
{
	char own[] = "postgres://users:of-its-own@db/users", shown[] = "postgres://users:development@db/users",
	     encoded[] = "postgres://users:%64evelopment@db/users",
	     parameter[] = "postgres://users@db/users?password=development";
	char *const urls[] = {shown, encoded, parameter};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		assert_int_equal(problems_of("development", urls[i]), 0);
		assert_int_equal(problems_of("staging", urls[i]), 1);
		assert_int_equal(problems_of("production", urls[i]), 1);
	}
	assert_int_equal(problems_of("production", own), 0);
	environment_set("PGPASSWORD", "development");
	assert_int_equal(problems_of("production", own), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters_keep_their_order),
		cmocka_unit_test(test_a_missing_text_is_sql_null),
		cmocka_unit_test(test_the_least_and_the_greatest_integer_are_written_whole),
		cmocka_unit_test(test_false_is_written_as_postgres_reads_it),
		cmocka_unit_test(test_both_names_of_the_url_scheme_are_accepted),
		cmocka_unit_test(test_no_url_leaves_it_to_libpq),
		cmocka_unit_test(test_what_is_not_a_url_of_postgres_is_refused_without_repeating_it),
		cmocka_unit_test(test_the_test_database_is_used_only_in_testing),
		cmocka_unit_test_teardown(test_a_password_that_the_repository_shows_is_refused_in_staging_and_production,
					  restore_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

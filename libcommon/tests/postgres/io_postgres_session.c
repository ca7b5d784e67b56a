/* A role whose settings are the worst ones: what is stored and returned is the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "postgres/session.h"
#include "tests/postgres/postgres_fixture.h"

/* Of every connection that this role opens from now on. */
static const char worst_settings[] = "ALTER ROLE CURRENT_USER SET client_encoding = 'LATIN1';"
				     "ALTER ROLE CURRENT_USER SET standard_conforming_strings = off;"
				     "ALTER ROLE CURRENT_USER SET TimeZone = 'Pacific/Kiritimati';"
				     "ALTER ROLE CURRENT_USER SET default_transaction_isolation = 'serializable';"
				     "ALTER ROLE CURRENT_USER SET search_path = 'io_db';"
				     "ALTER ROLE CURRENT_USER SET statement_timeout = '7s';"
				     "ALTER ROLE CURRENT_USER SET lock_timeout = '1s';"
				     "ALTER ROLE CURRENT_USER SET array_nulls = off;"
				     "ALTER ROLE CURRENT_USER SET synchronous_commit = off;"
				     "ALTER ROLE CURRENT_USER SET plan_cache_mode = 'force_custom_plan'";

#define ARE_PINNED                                                                                                 \
	"current_setting('client_encoding') = 'UTF8' AND current_setting('standard_conforming_strings') = 'on'"    \
	" AND current_setting('TimeZone') = 'UTC' AND current_setting('transaction_isolation') = 'read committed'" \
	" AND current_schemas(false) = '{public}' AND current_setting('synchronous_commit') = 'on'"                \
	" AND current_setting('plan_cache_mode') = 'force_generic_plan' AND current_setting('array_nulls') = 'on'" \
	" AND current_setting('lock_timeout') = '0'"

static const struct postgres_statement are_pinned = {"are_pinned", "SELECT (" ARE_PINNED
								   " AND current_setting('statement_timeout') = '10s')::int"};
static const struct postgres_statement is_name = {"is_name", "SELECT count(*) FROM io_db.people WHERE name = U&'Zo\\00EB'"};
static const struct postgres_statement first_name = {"first_name", "SELECT length(name), name FROM io_db.people"};
static const struct postgres_statement *const statements[] = {&are_pinned, &is_name, &person_insert, &first_name, NULL};

static int set_up(void **state)
{
	fixture_set_up(state);
	fixture_sql(worst_settings);
	return 0;
}

static int tear_down(void **state)
{
	fixture_sql("ALTER ROLE CURRENT_USER RESET ALL");
	return fixture_tear_down(state);
}

static void open_with(const char *more)
{
	struct postgres_config config = fixture_config(fixture_url(more));

	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
}

static void expect_pinned(const char *more)
{
	struct answer answer;

	open_with(more);
	assert_int_equal(fixture_get(&answer, &are_pinned, NULL), STATUS_OK);
	assert_int_equal(answer.number, 1);
}

static void test_whatever_the_role_sets_a_connection_has_our_settings(void **state)
{
	expect_pinned("");
}

static void test_whatever_the_url_sets_a_connection_has_our_settings(void **state)
{
	expect_pinned("&client_encoding=LATIN1&options=-c%20search_path%3Dio_db%20-c%20TimeZone%3DJapan");
}

static char returned[20];

static void take_name(enum status status, const struct postgres_rows *rows, void *arg)
{
	assert_int_equal(status, STATUS_OK);
	snprintf(returned, sizeof returned, "%s", postgres_text(rows, 0, 1));
}

static void test_a_name_with_an_umlaut_is_stored_and_returned_as_it_is(void **state)
{
	struct postgres_params params = {0};
	struct answer answer;

	returned[0] = '\0';
	open_with("");
	assert_int_equal(fixture_get(&answer, &person_insert, "Zo\xc3\xab"), STATUS_OK);
	fixture_get(&answer, &is_name, NULL);
	assert_int_equal(answer.number, 1);
	postgres_exec(postgres, &scope, &first_name, &params, take_name, NULL);
	WAIT_FOR(returned[0]);
	assert_string_equal(returned, "Zo\xc3\xab");
}

static void test_a_null_among_the_numbers_of_an_array_is_a_null(void **state)
{
	static const struct postgres_statement nulls = {"nulls",
							"SELECT count(*) FROM unnest($1::bigint[]) AS n WHERE n IS NULL"};
	static const struct postgres_statement *const one[] = {&nulls, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer answer;

	fixture_open(&config, one);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(fixture_get(&answer, &nulls, "{NULL,7}"), STATUS_OK);
	assert_int_equal(answer.number, 1);
}

static void test_manage_has_our_settings_and_no_time_limit(void **state)
{
	PGconn *conn = PQconnectdb(getenv("TEST_DATABASE_URL"));
	PGresult *result;

	assert_int_equal(postgres_session_set(conn), STATUS_OK);
	result = PQexec(conn, "SELECT " ARE_PINNED " AND current_setting('statement_timeout') = '0'");
	assert_string_equal(PQgetvalue(result, 0, 0), "t");
	PQclear(result);
	PQfinish(conn);
}

static void test_a_stricter_commit_than_ours_stays(void **state)
{
	static const struct postgres_statement is_remote_apply = {
		"is_remote_apply", "SELECT (current_setting('synchronous_commit') = 'remote_apply')::int"};
	static const struct postgres_statement *const one[] = {&is_remote_apply, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer answer;

	fixture_sql("ALTER ROLE CURRENT_USER SET synchronous_commit = 'remote_apply'");
	fixture_open(&config, one);
	WAIT_FOR(postgres_is_ready(postgres));
	fixture_get(&answer, &is_remote_apply, NULL);
	assert_int_equal(answer.number, 1);
}

#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(test_whatever_the_role_sets_a_connection_has_our_settings),
		SESSION_TEST(test_whatever_the_url_sets_a_connection_has_our_settings),
		SESSION_TEST(test_a_name_with_an_umlaut_is_stored_and_returned_as_it_is),
		SESSION_TEST(test_a_null_among_the_numbers_of_an_array_is_a_null),
		SESSION_TEST(test_manage_has_our_settings_and_no_time_limit),
		SESSION_TEST(test_a_stricter_commit_than_ours_stays),
	};

	return fixture_run("postgres/io_postgres_session", tests, sizeof tests / sizeof *tests);
}

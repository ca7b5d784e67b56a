/* Migrations on a real Postgres, in a schema of their own that each test begins with empty. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "postgres/migrations.h"
#include "tests/postgres/migration_folder.h"

static struct migration_folder folder;
static PGconn *conn;
static bool is_skipping_pauses;
static int pauses;

/* In place of the C library's, so that half a minute of waiting for a lock takes no half a minute. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	pauses++;
	return is_skipping_pauses ? 0 : clock_nanosleep(CLOCK_MONOTONIC, 0, pause, left);
}

static void sql(PGconn *on, const char *text)
{
	PGresult *result = PQexec(on, text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(on));
	PQclear(result);
}

static bool is_true(const char *expression)
{
	char query[300];
	PGresult *result;
	bool answer;

	snprintf(query, sizeof query, "SELECT %s", expression);
	result = PQexec(conn, query);
	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	answer = PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	return answer;
}

static PGconn *connect_own_schema(void)
{
	PGconn *made = PQconnectdb(getenv("TEST_DATABASE_URL"));

	assert_int_equal(PQstatus(made), CONNECTION_OK);
	sql(made, "SET client_min_messages = warning; SET search_path = io_migrations");
	return made;
}

static int set_up(void **state)
{
	conn = connect_own_schema();
	sql(conn, "DROP SCHEMA IF EXISTS io_migrations CASCADE; CREATE SCHEMA io_migrations");
	migration_folder_make(&folder);
	migration_folder_write(&folder, "0001_a.up.sql", "CREATE TABLE a (id int); INSERT INTO a VALUES (1);");
	migration_folder_write(&folder, "0001_a.down.sql", "DROP TABLE a");
	migration_folder_write(&folder, "0002_b.up.sql", "CREATE TABLE b AS SELECT id FROM a");
	migration_folder_write(&folder, "0002_b.down.sql", "DROP TABLE b");
	return 0;
}

static int tear_down(void **state)
{
	sql(conn, "DROP SCHEMA io_migrations CASCADE");
	PQfinish(conn);
	migration_folder_drop(&folder);
	return 0;
}

static void test_upgrade_applies_all_in_order_and_records_them(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT count(*) FROM b) = 1"));
	assert_true(is_true("(SELECT array_agg(version || name ORDER BY version) FROM schema_migrations) = "
			    "'{00010001_a,00020002_b}'"));
}

static void test_a_second_upgrade_changes_nothing(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT count(*) FROM a) = 1"));
}

static void test_downgrade_takes_back_only_the_last_one(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_int_equal(migrations_downgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("to_regclass('b') IS NULL AND to_regclass('a') IS NOT NULL"));
	assert_true(is_true("(SELECT count(*) FROM schema_migrations) = 1"));
}

static void test_downgrade_of_nothing_is_no_error(void **state)
{
	assert_int_equal(migrations_downgrade(conn, folder.path), STATUS_OK);
}

static void test_a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", "CREATE TABLE c (id int); SELECT 1 / 0");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_INTERNAL);
	assert_true(is_true("to_regclass('c') IS NULL AND to_regclass('b') IS NOT NULL"));
	assert_true(is_true("(SELECT max(version) FROM schema_migrations) = '0002'"));
}

static void test_a_migration_that_commits_by_itself_is_refused(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", "CREATE TABLE c (id int); COMMIT");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_INVALID);
	assert_true(is_true("(SELECT max(version) FROM schema_migrations) = '0002'"));
}

static void test_an_applied_file_that_has_changed_stops_the_upgrade(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	migration_folder_write(&folder, "0001_a.up.sql", "CREATE TABLE a (id bigint)");
	migration_folder_write(&folder, "0003_c.up.sql", "CREATE TABLE c (id int)");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_CONFLICT);
	assert_true(is_true("to_regclass('c') IS NULL"));
}

static void test_an_empty_file_is_a_migration_too(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", "-- nothing yet\n");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT max(version) FROM schema_migrations) = '0003'"));
}

static void test_stamp_records_up_to_the_version_without_running_anything(void **state)
{
	assert_int_equal(migrations_stamp(conn, folder.path, "0001"), STATUS_OK);
	assert_true(is_true("to_regclass('a') IS NULL"));
	assert_true(is_true("(SELECT count(*) FROM schema_migrations) = 1"));
}

static void test_more_migrations_than_any_fixed_number_are_all_applied(void **state)
{
	char name[32];

	for (int i = 3; i <= 600; i++) {
		snprintf(name, sizeof name, "%04d_many.up.sql", i);
		migration_folder_write(&folder, name, "");
	}
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT count(*) = 600 AND max(version) = '0600' FROM schema_migrations)"));
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
}

static void test_a_file_that_can_not_be_read_whole_is_not_applied(void **state)
{
	static const char cut[] = "CREATE TABLE c (id int);\0 INSERT INTO c VALUES (1);";
	char path[160];
	FILE *file = fopen(migration_folder_path(&folder, "0003_c.up.sql", path), "w");

	assert_int_equal(fwrite(cut, 1, sizeof cut - 1, file), sizeof cut - 1);
	fclose(file);
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_NOT_FOUND);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0); /* opens for reading like a file, and then fails */
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_NOT_FOUND);
	assert_int_equal(rmdir(path), 0);
	assert_true(is_true("(SELECT count(*) FROM schema_migrations) = 2"));
}

static void test_stamp_of_an_unknown_version_records_nothing(void **state)
{
	static const char *const versions[] = {"9999", "", "0", "00012", "0001_a"};

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		assert_int_equal(migrations_stamp(conn, folder.path, versions[i]), STATUS_NOT_FOUND);
	assert_true(is_true("(SELECT count(*) FROM schema_migrations) = 0"));
}

static void test_downgrade_does_not_take_back_an_older_one_when_the_file_of_the_last_is_missing(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	migration_folder_delete(&folder, "0002_b.up.sql");
	migration_folder_delete(&folder, "0002_b.down.sql");
	assert_int_equal(migrations_downgrade(conn, folder.path), STATUS_NOT_FOUND);
	assert_true(is_true("to_regclass('a') IS NOT NULL"));
}

static void test_an_older_version_of_the_service_may_upgrade_after_a_newer_one(void **state)
{
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	migration_folder_delete(&folder, "0002_b.up.sql");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT count(*) FROM schema_migrations) = 2"));
}

static void test_the_lock_is_released_even_after_a_failure(void **state)
{
	PGconn *other = connect_own_schema();

	migration_folder_write(&folder, "0003_c.up.sql", "SELECT 1 / 0");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_INTERNAL);
	migration_folder_write(&folder, "0003_c.up.sql", "SELECT 1");
	assert_int_equal(migrations_upgrade(other, folder.path), STATUS_OK);
	PQfinish(other);
}

static void *upgrade_on_a_thread(void *arg)
{
	return (void *)(intptr_t)migrations_upgrade(arg, folder.path);
}

static void test_two_upgrades_at_once_apply_each_migration_once(void **state)
{
	PGconn *other = connect_own_schema();
	pthread_t thread;
	void *status;

	assert_int_equal(pthread_create(&thread, NULL, upgrade_on_a_thread, other), 0);
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_int_equal(pthread_join(thread, &status), 0);
	assert_int_equal((intptr_t)status, STATUS_OK);
	assert_true(is_true("(SELECT count(*) FROM a) = 1 AND (SELECT count(*) FROM schema_migrations) = 2"));
	PQfinish(other);
}

static void test_a_lock_that_another_process_keeps_is_given_up_with_nothing_changed(void **state)
{
	PGconn *other = connect_own_schema();

	sql(other, "SELECT pg_advisory_lock(20260101)");
	is_skipping_pauses = true;
	pauses = 0;
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_TIMEOUT);
	is_skipping_pauses = false;
	assert_int_equal(pauses, 300);
	assert_true(is_true("to_regclass('schema_migrations') IS NULL"));
	PQfinish(other);
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
}

#define CONCURRENTLY                                \
	"-- outside a transaction\n"                \
	"DROP INDEX CONCURRENTLY IF EXISTS a_id;\n" \
	"CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id);\n"

static void test_a_migration_outside_a_transaction_may_create_indexes_concurrently(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", CONCURRENTLY);
	migration_folder_write(&folder, "0003_c.down.sql", "-- outside a transaction\nDROP INDEX CONCURRENTLY a_id;\n");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("to_regclass('a_id') IS NOT NULL AND (SELECT max(version) FROM schema_migrations) = '0003'"));
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK); /* the checksum is that of the whole file */
	assert_int_equal(migrations_downgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("to_regclass('a_id') IS NULL AND (SELECT max(version) FROM schema_migrations) = '0002'"));
}

static void test_a_migration_outside_a_transaction_that_fails_runs_again_from_its_first_statement(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", CONCURRENTLY);
	migration_folder_write(&folder, "0002_b.up.sql", "INSERT INTO a VALUES (1)");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_INTERNAL); /* leaves an invalid index */
	assert_true(is_true("to_regclass('a_id') IS NOT NULL AND (SELECT max(version) FROM schema_migrations) = '0002'"));
	sql(conn, "DELETE FROM a WHERE ctid <> (SELECT min(ctid) FROM a)");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_true(is_true("(SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass)"));
}

static void test_a_migration_outside_a_transaction_that_begins_one_is_refused(void **state)
{
	migration_folder_write(&folder, "0003_c.up.sql", "-- outside a transaction\nBEGIN;\nCREATE TABLE c (id int);\n");
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_INVALID);
	assert_true(is_true("to_regclass('c') IS NULL AND (SELECT max(version) FROM schema_migrations) = '0002'"));
}

static void test_a_connection_that_is_lost_in_a_migration_is_unavailable(void **state)
{
	static const char *const files[] = {"-- outside a transaction\nSELECT pg_terminate_backend(pg_backend_pid());\n",
					    "SELECT pg_terminate_backend(pg_backend_pid())"};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		migration_folder_write(&folder, "0003_c.up.sql", files[i]);
		assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_UNAVAILABLE);
		PQfinish(conn);
		conn = connect_own_schema();
		assert_true(is_true("(SELECT max(version) FROM schema_migrations) = '0002'"));
	}
}

/* The one that waits for the other must have no statement running, because creating an index concurrently waits for that. */
static void test_two_upgrades_at_once_create_indexes_concurrently(void **state)
{
	PGconn *other = connect_own_schema();
	pthread_t thread;
	void *status;

	migration_folder_write(&folder, "0003_c.up.sql", CONCURRENTLY);
	assert_int_equal(pthread_create(&thread, NULL, upgrade_on_a_thread, other), 0);
	assert_int_equal(migrations_upgrade(conn, folder.path), STATUS_OK);
	assert_int_equal(pthread_join(thread, &status), 0);
	assert_int_equal((intptr_t)status, STATUS_OK);
	assert_true(is_true("(SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass)"));
	PQfinish(other);
}

#define MIGRATION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MIGRATION_TEST(test_upgrade_applies_all_in_order_and_records_them),
		MIGRATION_TEST(test_a_second_upgrade_changes_nothing),
		MIGRATION_TEST(test_downgrade_takes_back_only_the_last_one),
		MIGRATION_TEST(test_downgrade_of_nothing_is_no_error),
		MIGRATION_TEST(test_a_migration_that_fails_leaves_nothing_of_itself),
		MIGRATION_TEST(test_a_migration_that_commits_by_itself_is_refused),
		MIGRATION_TEST(test_an_applied_file_that_has_changed_stops_the_upgrade),
		MIGRATION_TEST(test_an_empty_file_is_a_migration_too),
		MIGRATION_TEST(test_stamp_records_up_to_the_version_without_running_anything),
		MIGRATION_TEST(test_more_migrations_than_any_fixed_number_are_all_applied),
		MIGRATION_TEST(test_a_file_that_can_not_be_read_whole_is_not_applied),
		MIGRATION_TEST(test_stamp_of_an_unknown_version_records_nothing),
		MIGRATION_TEST(test_downgrade_does_not_take_back_an_older_one_when_the_file_of_the_last_is_missing),
		MIGRATION_TEST(test_an_older_version_of_the_service_may_upgrade_after_a_newer_one),
		MIGRATION_TEST(test_the_lock_is_released_even_after_a_failure),
		MIGRATION_TEST(test_two_upgrades_at_once_apply_each_migration_once),
		MIGRATION_TEST(test_a_lock_that_another_process_keeps_is_given_up_with_nothing_changed),
		MIGRATION_TEST(test_a_migration_outside_a_transaction_may_create_indexes_concurrently),
		MIGRATION_TEST(test_a_migration_outside_a_transaction_that_fails_runs_again_from_its_first_statement),
		MIGRATION_TEST(test_a_migration_outside_a_transaction_that_begins_one_is_refused),
		MIGRATION_TEST(test_a_connection_that_is_lost_in_a_migration_is_unavailable),
		MIGRATION_TEST(test_two_upgrades_at_once_create_indexes_concurrently),
	};

	if (!getenv("TEST_DATABASE_URL")) {
		fprintf(stderr, "io_migrations: TEST_DATABASE_URL must name a Postgres to test on\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

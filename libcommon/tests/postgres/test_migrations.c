/* `manage db new`: which files count as migrations, and the number that comes next. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "postgres/migrations.h"
#include "tests/postgres/migration_folder.h"

static struct migration_folder folder;

static int make_folder(void **state)
{
	migration_folder_make(&folder);
	return 0;
}

static int drop_folder(void **state)
{
	migration_folder_drop(&folder);
	return 0;
}

static void test_the_first_migration_of_an_empty_folder_is_number_one(void **state)
{
	assert_int_equal(migrations_new(folder.path, "users"), STATUS_OK);
	assert_true(migration_folder_has(&folder, "0001_users.up.sql"));
	assert_true(migration_folder_has(&folder, "0001_users.down.sql"));
}

static void test_the_next_number_follows_the_highest_and_fills_no_gap(void **state)
{
	migration_folder_write(&folder, "0009_b.up.sql", "");
	migration_folder_write(&folder, "0002_a.up.sql", "");
	assert_int_equal(migrations_new(folder.path, "next"), STATUS_OK);
	assert_true(migration_folder_has(&folder, "0010_next.up.sql"));
}

static void test_five_thousand_migrations_all_count(void **state)
{
	char name[32];

	for (int i = 1; i <= 5000; i++) {
		snprintf(name, sizeof name, "%04d_many.up.sql", i);
		migration_folder_write(&folder, name, "");
	}
	assert_int_equal(migrations_new(folder.path, "next"), STATUS_OK);
	assert_true(migration_folder_has(&folder, "5001_next.up.sql"));
}

static void test_files_that_are_not_migrations_do_not_count(void **state)
{
	static const char *const names[] = {
		"0007_only.down.sql",  "007_short.up.sql", "00007_long.up.sql",  "0007.up.sql",      "0007_.up.sql",
		"0007_backup.up.sql~", "README.md",        "000a_letter.up.sql", "0007-dash.up.sql", "0007_other.sql"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		migration_folder_write(&folder, names[i], "");
	assert_int_equal(migrations_new(folder.path, "first"), STATUS_OK);
	assert_true(migration_folder_has(&folder, "0001_first.up.sql"));
}

static void test_a_name_that_could_leave_the_folder_is_refused(void **state)
{
	static const char *const names[] = {"", "../up", "With Space", "a.b", "a/b", "-x", "Users"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(migrations_new(folder.path, names[i]), STATUS_INVALID);
}

static void test_two_files_of_one_number_are_refused(void **state)
{
	migration_folder_write(&folder, "0001_mine.up.sql", "");
	migration_folder_write(&folder, "0001_theirs.up.sql", "");
	assert_int_equal(migrations_new(folder.path, "next"), STATUS_CONFLICT);
}

static void test_a_folder_that_is_not_there_is_reported(void **state)
{
	char path[160];

	assert_int_equal(migrations_new(migration_folder_path(&folder, "none", path), "next"), STATUS_NOT_FOUND);
}

static void test_after_9999_there_is_no_next_number(void **state)
{
	migration_folder_write(&folder, "9999_last.up.sql", "");
	assert_int_equal(migrations_new(folder.path, "next"), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_first_migration_of_an_empty_folder_is_number_one, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(test_the_next_number_follows_the_highest_and_fills_no_gap, make_folder,
						drop_folder),
		cmocka_unit_test_setup_teardown(test_five_thousand_migrations_all_count, make_folder, drop_folder),
		cmocka_unit_test_setup_teardown(test_files_that_are_not_migrations_do_not_count, make_folder, drop_folder),
		cmocka_unit_test_setup_teardown(test_a_name_that_could_leave_the_folder_is_refused, make_folder, drop_folder),
		cmocka_unit_test_setup_teardown(test_two_files_of_one_number_are_refused, make_folder, drop_folder),
		cmocka_unit_test_setup_teardown(test_a_folder_that_is_not_there_is_reported, make_folder, drop_folder),
		cmocka_unit_test_setup_teardown(test_after_9999_there_is_no_next_number, make_folder, drop_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

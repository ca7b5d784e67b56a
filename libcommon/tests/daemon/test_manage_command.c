/* Which command of `manage` the words of a command line mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/manage_internal.h"

static const struct manage_command database[] = {
	{"db upgrade", "", "", NULL},
	{"db stamp", "VERSION", "", NULL},
	{"recreate_db", "[--yes-destroy]", "", NULL},
	{0},
};
static const struct manage_command own[] = {
	{"create_admin", "USERNAME EMAIL", "", NULL},
	{"jobs retry", "KIND INDEX | --all", "", NULL},
	{"routes", "", "", NULL},
	{0},
};
static const struct manage_command *const tables[] = {database, own, NULL};

/* Splits the line at its spaces; good until the next call. */
static char **words(const char *line, int *ret_count)
{
	static char text[128], *split[16];

	snprintf(text, sizeof text, "%s", line);
	*ret_count = 0;
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		split[(*ret_count)++] = word;
	split[*ret_count] = NULL;
	return split;
}

static const char *nearest(const char *line)
{
	int count;
	char **argv = words(line, &count);

	return manage_command_nearest(tables, count, argv);
}

/* Whether the line is a command with the arguments of its usage. */
static bool is_fine(const char *line)
{
	int count, used = 0;
	char **argv = words(line, &count);
	const struct manage_command *command = manage_command_find(tables, count, argv, &used);

	return command && manage_command_takes(command, count - used, argv + used);
}

static void test_a_command_is_found_by_all_of_its_words_and_no_others(void **state)
{
	int count, used = 0;
	char **argv = words("db stamp 0001", &count);

	assert_string_equal(manage_command_find(tables, count, argv, &used)->name, "db stamp");
	assert_int_equal(used, 2);
	argv = words("db", &count);
	assert_null(manage_command_find(tables, count, argv, &used));
	argv = words("db stamps", &count);
	assert_null(manage_command_find(tables, count, argv, &used));
	assert_null(manage_command_find(tables, 0, argv, &used));
}

static void test_arguments_are_as_many_as_the_usage_has(void **state)
{
	static const char *const fine[] = {"db upgrade",
					   "db stamp 0001",
					   "recreate_db",
					   "recreate_db --yes-destroy",
					   "create_admin ada a@example.com",
					   "jobs retry fibonacci 40",
					   "jobs retry --all"};
	static const char *const wrong[] = {"db upgrade now",
					    "db stamp",
					    "db stamp 0001 0002",
					    "recreate_db --yes",
					    "recreate_db --yes-destroy now",
					    "create_admin",
					    "create_admin ada",
					    "create_admin ada a@example.com password",
					    "jobs retry",
					    "jobs retry fibonacci",
					    "jobs retry --most",
					    "jobs retry --all 40 41"};

	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		assert_true(is_fine(fine[i]));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(is_fine(wrong[i]));
}

static void test_a_mistyped_command_has_a_nearest_one(void **state)
{
	assert_string_equal(nearest("db upgrad"), "db upgrade");
	assert_string_equal(nearest("db ugprade"), "db upgrade");
	assert_string_equal(nearest("upgrade"), "db upgrade");
	assert_string_equal(nearest("recreate-db --yes-destroy"), "recreate_db");
	assert_string_equal(nearest("recreate"), "recreate_db");
	assert_string_equal(nearest("craete_admin ada a@example.com"), "create_admin");
	assert_string_equal(nearest("job retry --all"), "jobs retry");
	assert_string_equal(nearest("route"), "routes");
}

static void test_what_resembles_nothing_has_no_nearest_command(void **state)
{
	char long_word[200];

	memset(long_word, 'a', sizeof long_word - 1);
	long_word[sizeof long_word - 1] = '\0';
	assert_null(nearest("x"));
	assert_null(nearest("start"));
	assert_null(nearest(""));
	assert_null(manage_command_nearest(tables, 1, (char *[]){long_word, NULL}));
	assert_null(manage_command_nearest(tables, 3, (char *[]){long_word, long_word, long_word, NULL}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_is_found_by_all_of_its_words_and_no_others),
		cmocka_unit_test(test_arguments_are_as_many_as_the_usage_has),
		cmocka_unit_test(test_a_mistyped_command_has_a_nearest_one),
		cmocka_unit_test(test_what_resembles_nothing_has_no_nearest_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

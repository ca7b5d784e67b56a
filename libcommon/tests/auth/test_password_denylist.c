/* A file of hashes, of any length of lines, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/password_denylist.h"
#include "base/buf.h"

/* for w in password qwerty; do printf %s $w | sha1sum; done */
#define OF_PASSWORD "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
#define OF_QWERTY "B1B3773A05C0ED0176787A4F1574FF0075F7521E"
#define LINES 200
#define HASH_LEN 40
#define LINE_BYTES_MAX 128

static char path[] = "/tmp/abacus-denylist-XXXXXX";

static int make(void **state)
{
	return close(mkstemp(path));
}

static int drop(void **state)
{
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static bool is_listed(const char *password)
{
	bool listed = false;

	assert_int_equal(password_denylist_look(path, password, &listed), STATUS_OK);
	return listed;
}

static void test_a_password_of_the_file_is_found_wherever_its_line_is(void **state)
{
	for (int place = 0; place <= LINES; place++) {
		struct buf text = {0};

		for (int i = 0; i < LINES; i++) {
			if (i == place)
				buf_printf(&text, "%s:%d\r\n", OF_PASSWORD, i);
			buf_printf(&text, "%s%038d%.*s\n", i < place ? "11" : "EE", i, i % 60,
				   ":123456789012345678901234567890123456789012345678901234567890");
		}
		if (place == LINES)
			buf_text(&text, OF_PASSWORD);
		write_file(text.bytes);
		assert_null(password_denylist_problem(path));
		assert_true(is_listed("password"));
		assert_false(is_listed("qwerty"));
		buf_free(&text);
	}
}

static void test_hashes_of_lower_case_and_a_file_of_one_line_are_fine(void **state)
{
	write_file("b1b3773a05c0ed0176787a4f1574ff0075f7521e");
	assert_null(password_denylist_problem(path));
	assert_true(is_listed("qwerty"));
	assert_false(is_listed("password"));
}

static void test_a_file_that_is_no_list_is_refused(void **state)
{
	static const char *const wrong[] = {"",
					    "\n",
					    "password\n",
					    OF_QWERTY "\n" OF_PASSWORD "\n",
					    OF_PASSWORD "\nrest",
					    "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD"};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		write_file(wrong[i]);
		assert_non_null(password_denylist_problem(path));
	}
	assert_non_null(password_denylist_problem("/nowhere"));
	assert_non_null(password_denylist_problem("/tmp"));
}

/* Were it waited for, the alarm would end the program. */
static void test_a_fifo_is_refused_and_waits_for_no_writer(void **state)
{
	bool listed;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	assert_non_null(password_denylist_problem(path));
	assert_int_equal(password_denylist_look(path, "password", &listed), STATUS_INTERNAL);
	alarm(0);
	assert_int_equal(unlink(path), 0);
	write_file("");
}

static void test_a_list_that_can_not_be_read_lets_no_password_through(void **state)
{
	struct buf behind = {0};
	char line[1001] = {0};
	bool listed;

	assert_int_equal(password_denylist_look("/nowhere", "password", &listed), STATUS_INTERNAL);
	memset(line, 'A', sizeof line - 1);
	write_file(line);
	assert_non_null(password_denylist_problem(path));
	assert_int_equal(password_denylist_look(path, "password", &listed), STATUS_INTERNAL);
	write_file("no hash\n");
	assert_int_equal(password_denylist_look(path, "password", &listed), STATUS_INTERNAL);
	memset(line, '1', HASH_LEN + LINE_BYTES_MAX);
	strcpy(line + HASH_LEN + LINE_BYTES_MAX, "\n");
	write_file(line);
	assert_int_equal(password_denylist_look(path, "password", &listed), STATUS_INTERNAL);
	for (int i = 0; i < 5; i++) /* the search then begins with the long line itself */
		buf_printf(&behind, "%040d\n", i);
	buf_text(&behind, line);
	write_file(behind.bytes);
	assert_int_equal(password_denylist_look(path, "password", &listed), STATUS_INTERNAL);
	buf_free(&behind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_password_of_the_file_is_found_wherever_its_line_is),
		cmocka_unit_test(test_hashes_of_lower_case_and_a_file_of_one_line_are_fine),
		cmocka_unit_test(test_a_file_that_is_no_list_is_refused),
		cmocka_unit_test(test_a_fifo_is_refused_and_waits_for_no_writer),
		cmocka_unit_test(test_a_list_that_can_not_be_read_lets_no_password_through),
	};

	return cmocka_run_group_tests(tests, make, drop);
}

/* A folder of messages: each is there as a whole or not at all, and the newest are kept. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "file_box.h"

#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
#define LARGE_BYTES (2 << 20)

static char folder[64];

static int set_up(void **state)
{
	log_init("test", "test", LOG_ERROR);
	strcpy(folder, "/tmp/file_box.XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static void path_of(const char *name, char path[400])
{
	snprintf(path, 400, "%s/%s", folder, name);
}

/* Of the files, also the hidden ones; last: the name of one of them. */
static int count_files(char last[256])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			strcpy(last, entry->d_name);
			count++;
		}
	closedir(dir);
	return count;
}

static int tear_down(void **state)
{
	char name[256], path[400];

	while (count_files(name) > 0) {
		path_of(name, path);
		assert_int_equal(unlink(path), 0);
	}
	return rmdir(folder);
}

static void assert_holds(const char *name, const char *message)
{
	char path[400], text[64] = "";
	FILE *file;

	path_of(name, path);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof text - 1, file), strlen(message));
	fclose(file);
	assert_string_equal(text, message);
}

static void test_a_message_is_a_file_that_is_named_by_its_time_and_id(void **state)
{
	char name[256];

	assert_int_equal(file_box_write(folder, ID, "Subject: x\r\n"), STATUS_OK);
	assert_int_equal(count_files(name), 1);
	assert_string_equal(name + strspn(name, "0123456789"), "-" ID ".eml");
	assert_holds(name, "Subject: x\r\n");
}

static void test_a_message_that_does_not_fit_on_the_disk_leaves_nothing_behind(void **state)
{
	const struct rlimit before = {RLIM_INFINITY, RLIM_INFINITY}, small = {LARGE_BYTES / 2, RLIM_INFINITY};
	char *large = malloc(LARGE_BYTES + 1), name[256];
	enum status status;

	assert_non_null(large);
	memset(large, 'x', LARGE_BYTES);
	large[LARGE_BYTES] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	status = file_box_write(folder, ID, large);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	free(large);
	assert_int_equal(status, STATUS_INTERNAL);
	assert_int_equal(count_files(name), 0);
}

static void test_what_a_killed_process_had_written_of_a_message_is_replaced(void **state)
{
	char path[400], name[256];
	FILE *file;

	path_of("." ID ".partial", path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("a message that is longer than the next", file);
	fclose(file);
	assert_int_equal(file_box_write(folder, ID, "whole"), STATUS_OK);
	assert_int_equal(count_files(name), 1);
	assert_holds(name, "whole");
}

static void test_the_newest_messages_are_kept(void **state)
{
	char id[48], name[256];

	for (int i = 0; i < FILE_BOX_MAX + 3; i++) {
		snprintf(id, sizeof id, "%08d-c3d4-7e5f-8a9b-0c1d2e3f4a5b", i);
		assert_int_equal(file_box_write(folder, id, "x"), STATUS_OK);
	}
	assert_int_equal(count_files(name), FILE_BOX_MAX);
}

static void test_a_folder_that_is_not_there_is_an_error(void **state)
{
	assert_int_equal(file_box_write("/nonexistent", ID, "x"), STATUS_INTERNAL);
}

#define FILE_BOX_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_BOX_TEST(test_a_message_is_a_file_that_is_named_by_its_time_and_id),
		FILE_BOX_TEST(test_a_message_that_does_not_fit_on_the_disk_leaves_nothing_behind),
		FILE_BOX_TEST(test_what_a_killed_process_had_written_of_a_message_is_replaced),
		FILE_BOX_TEST(test_the_newest_messages_are_kept),
		FILE_BOX_TEST(test_a_folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

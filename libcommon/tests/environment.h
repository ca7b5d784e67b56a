/* Environment variables for one test, unset again afterwards, and files for NAME_FILE. Include after cmocka.h. */
#ifndef ABACUS_TESTS_ENVIRONMENT_H
#define ABACUS_TESTS_ENVIRONMENT_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 16

static const char *environment_names[ENVIRONMENT_MAX]; /* static strings */
static int environment_files[ENVIRONMENT_MAX];
static int environment_names_count, environment_files_count;

static inline void environment_set(const char *name, const char *value)
{
	assert_in_range(environment_names_count, 0, ENVIRONMENT_MAX - 1);
	assert_int_equal(setenv(name, value, 1), 0);
	environment_names[environment_names_count++] = name;
}

/* Sets the variable to the path of a file with these bytes. */
static inline void environment_set_file(const char *name, const char *bytes, size_t len)
{
	int fd = memfd_create("environment", MFD_CLOEXEC);
	char path[64];

	assert_true(fd >= 0);
	assert_in_range(environment_files_count, 0, ENVIRONMENT_MAX - 1);
	assert_int_equal(write(fd, bytes, len), len);
	environment_files[environment_files_count++] = fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	environment_set(name, path);
}

static inline void environment_restore(void)
{
	while (environment_names_count > 0)
		unsetenv(environment_names[--environment_names_count]);
	while (environment_files_count > 0)
		close(environment_files[--environment_files_count]);
}

#endif

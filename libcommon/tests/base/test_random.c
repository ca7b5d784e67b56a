/* Ids: the system call that gets the bytes of many must not show in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"

#define IDS 1000 /* which takes more bytes than are kept, many times */

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, RANDOM_ID_BYTES_MAX);
}

static void expect_no_two_alike(unsigned char ids[IDS][RANDOM_ID_BYTES_MAX])
{
	qsort(ids, IDS, RANDOM_ID_BYTES_MAX, compare);
	for (int i = 1; i < IDS; i++)
		assert_memory_not_equal(ids[i - 1], ids[i], RANDOM_ID_BYTES_MAX);
}

static void test_no_two_ids_are_alike_whatever_their_length(void **state)
{
	static unsigned char ids[IDS][RANDOM_ID_BYTES_MAX];

	for (size_t len = 8; len <= RANDOM_ID_BYTES_MAX; len += 4) {
		memset(ids, 0, sizeof ids);
		for (int i = 0; i < IDS; i++)
			random_id(ids[i], len);
		expect_no_two_alike(ids);
	}
}

static void test_a_child_that_forgets_makes_other_ids_than_its_parent(void **state)
{
	unsigned char of_child[RANDOM_ID_BYTES_MAX], of_parent[RANDOM_ID_BYTES_MAX];
	int ends[2], status;
	pid_t pid;

	random_id(of_parent, sizeof of_parent);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		random_forget();
		random_id(of_child, sizeof of_child);
		_exit(write(ends[1], of_child, sizeof of_child) != sizeof of_child);
	}
	assert_int_equal(read(ends[0], of_child, sizeof of_child), sizeof of_child);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	random_id(of_parent, sizeof of_parent);
	assert_memory_not_equal(of_child, of_parent, sizeof of_child);
	close(ends[0]);
	close(ends[1]);
}

static void test_an_id_is_as_long_as_was_asked_for(void **state)
{
	unsigned char bytes[RANDOM_ID_BYTES_MAX + 1] = {0};

	for (int i = 0; i < IDS; i++)
		random_id(bytes, RANDOM_ID_BYTES_MAX);
	assert_int_equal(bytes[RANDOM_ID_BYTES_MAX], 0);
}

static void test_hexadecimal_digits_are_as_many_as_were_asked_for(void **state)
{
	char text[2 * RANDOM_ID_BYTES_MAX + 1];

	for (size_t digits = 2; digits < sizeof text; digits += 2) {
		random_hex(text, digits);
		assert_int_equal(strlen(text), digits);
		assert_int_equal(strspn(text, "0123456789abcdef"), digits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_two_ids_are_alike_whatever_their_length),
		cmocka_unit_test(test_a_child_that_forgets_makes_other_ids_than_its_parent),
		cmocka_unit_test(test_an_id_is_as_long_as_was_asked_for),
		cmocka_unit_test(test_hexadecimal_digits_are_as_many_as_were_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

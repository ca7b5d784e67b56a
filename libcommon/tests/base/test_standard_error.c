/* Standard error: all is written while it has room, and nothing waits when it has none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/standard_error.h"
#include "tests/capture.h"

#define LIMIT_S 5 /* a write that waits for a reader ends the test here */

static struct capture capture;
static char text[10000];

static void test_a_text_longer_than_a_pipe_takes_at_once_is_written_whole(void **state)
{
	memset(text, 'x', sizeof text - 1);
	capture_start(&capture, STDERR_FILENO);
	standard_error_write(text);
	capture_end(&capture);
	assert_string_equal(capture.text, text);
}

static void test_a_line_is_formatted(void **state)
{
	capture_start(&capture, STDERR_FILENO);
	standard_error_print("%s: %d\n", "users", 7);
	capture_end(&capture);
	assert_string_equal(capture.text, "users: 7\n");
}

/* Returns how much arrives in a pipe that is not read. */
static size_t arrived_of(const char *written, int times)
{
	int ends[2], saved = dup(STDERR_FILENO);
	size_t arrived = 0;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	alarm(LIMIT_S);
	for (int i = 0; i < times; i++)
		standard_error_write(written);
	alarm(0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((n = read(ends[0], text, sizeof text)) > 0)
		arrived += (size_t)n;
	close(ends[0]);
	return arrived;
}

static void test_what_has_no_room_is_left_out_and_nothing_waits(void **state)
{
	static char page[4001];

	memset(page, 'x', sizeof page - 1);
	assert_in_range(arrived_of(page, 1000), 4000, 64 * 4096);
	assert_int_equal(arrived_of("", 10), 0);
}

/* As in a container whose standard error is closed. */
static void test_a_closed_standard_error_holds_nothing_up(void **state)
{
	int saved = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	alarm(LIMIT_S);
	standard_error_write("lost\n");
	alarm(0);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_longer_than_a_pipe_takes_at_once_is_written_whole),
		cmocka_unit_test(test_a_line_is_formatted),
		cmocka_unit_test(test_what_has_no_room_is_left_out_and_nothing_waits),
		cmocka_unit_test(test_a_closed_standard_error_holds_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

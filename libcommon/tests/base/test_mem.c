/* Memory: what a process does when it runs out, and what the allocation functions return. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/skip.h"

/* AddressSanitizer reserves terabytes of address space at its start, and ends the process itself when malloc() fails. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_LIMITABLE false
#else
#define IS_LIMITABLE true
#endif

#define LIMIT_BYTES (256UL * 1024 * 1024)
#define LIMIT_S 5 /* a process that waits for a reader ends here */

static char written[256];

/* Runs act in a child that leaves no core; what the child wrote to standard error is in `written`. Returns the signal that
 * ended it, 0 when none did. */
static int run_in_child(void (*act)(void), bool is_limited)
{
	struct rlimit memory = {LIMIT_BYTES, LIMIT_BYTES}, core = {0, 0};
	int ends[2], how;
	ssize_t len;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &core);
		if (is_limited)
			setrlimit(RLIMIT_AS, &memory);
		dup2(ends[1], STDERR_FILENO);
		act();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(child, &how, 0), child);
	len = read(ends[0], written, sizeof written - 1);
	close(ends[0]);
	written[len > 0 ? len : 0] = '\0';
	return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
}

static void assert_dies_out_of_memory(void (*act)(void))
{
	if (!IS_LIMITABLE)
		skip_because("elsewhere: plain, because under AddressSanitizer the address space can not be limited");
	assert_int_equal(run_in_child(act, true), SIGABRT);
	assert_string_equal(written, "out of memory\n");
}

static void allocate_too_much(void)
{
	void *memory = mem_alloc(2 * LIMIT_BYTES);

	(void)memory;
}

static void resize_too_much(void)
{
	void *memory = mem_resize(mem_alloc(16), 2 * LIMIT_BYTES);

	(void)memory;
}

static void grow_a_buffer_without_end(void)
{
	struct buf buf = {0};

	for (;;)
		buf_text(&buf, "some more text");
}

static void test_allocating_too_much_writes_one_line_and_aborts(void **state)
{
	assert_dies_out_of_memory(allocate_too_much);
}

static void test_resizing_too_far_writes_one_line_and_aborts(void **state)
{
	assert_dies_out_of_memory(resize_too_much);
}

static void test_a_buffer_that_can_not_grow_writes_one_line_and_aborts(void **state)
{
	assert_dies_out_of_memory(grow_a_buffer_without_end);
}

static void die(void)
{
	mem_die("the reason\n");
}

static void test_mem_die_writes_its_line_and_aborts(void **state)
{
	assert_int_equal(run_in_child(die, false), SIGABRT);
	assert_string_equal(written, "the reason\n");
}

static void die_with_a_full_stderr(void)
{
	static const char page[4096];
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, page, sizeof page) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, flags);
	alarm(LIMIT_S);
	die();
}

static void test_mem_die_aborts_at_once_although_stderr_is_full_and_not_read(void **state)
{
	assert_int_equal(run_in_child(die_with_a_full_stderr, false), SIGABRT);
	assert_string_equal(written, "");
}

/* Which is what poll() makes of more descriptors than the process may have. */
static void die_with_a_full_stderr_that_can_not_be_polled(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){0});
	die_with_a_full_stderr();
}

static void test_mem_die_aborts_at_once_although_poll_fails(void **state)
{
	assert_int_equal(run_in_child(die_with_a_full_stderr_that_can_not_be_polled, false), SIGABRT);
	assert_string_equal(written, "");
}

static void test_memory_is_zeroed(void **state)
{
	static const char zeros[512];
	char *memory = mem_alloc(sizeof zeros);

	assert_memory_equal(memory, zeros, sizeof zeros);
	free(memory);
}

static void test_allocating_no_bytes_returns_memory(void **state)
{
	void *memory = mem_alloc(0);

	memory = mem_resize(memory, 0);
	assert_non_null(memory);
	free(memory);
}

static void test_freeing_a_null_secret_does_nothing(void **state)
{
	mem_free_secret(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocating_too_much_writes_one_line_and_aborts),
		cmocka_unit_test(test_resizing_too_far_writes_one_line_and_aborts),
		cmocka_unit_test(test_a_buffer_that_can_not_grow_writes_one_line_and_aborts),
		cmocka_unit_test(test_mem_die_writes_its_line_and_aborts),
		cmocka_unit_test(test_mem_die_aborts_at_once_although_stderr_is_full_and_not_read),
		cmocka_unit_test(test_mem_die_aborts_at_once_although_poll_fails),
		cmocka_unit_test(test_memory_is_zeroed),
		cmocka_unit_test(test_allocating_no_bytes_returns_memory),
		cmocka_unit_test(test_freeing_a_null_secret_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The log when it is not read: writing returns, lines wait in order, and what is dropped is counted. Standard output is each
 * test's own, and is given back before the first assertion, because cmocka prints there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_output.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "tests/skip.h"

#define LIMIT_S 30   /* a write that waits for a reader ends the test here */
#define FITTING 1000 /* lines that fit into the pipe and the memory together */
#define TOO_MANY 5000

static struct event_base *base;
static struct metric *dropped;
static int reader, saved;
static char text[4 * 1024 * 1024];
static size_t len;

static void use_stdout(int fd)
{
	fflush(NULL);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
}

static void use_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	reader = ends[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	use_stdout(ends[1]);
}

static void give_stdout_back(void)
{
	log_attach(NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static int set_up(void **state)
{
	alarm(LIMIT_S);
	log_init("test", "test", LOG_INFO);
	base = loop_new();
	len = 0;
	text[0] = '\0';
	reader = -1;
	return 0;
}

static int tear_down(void **state)
{
	event_base_free(base);
	if (reader >= 0)
		close(reader);
	alarm(0);
	return 0;
}

static void write_numbered(int first, int count)
{
	for (int i = 0; i < count; i++)
		log_line(LOG_INFO, "a line of a usual length, as an access log has them", LOG_INT("n", first + i),
			 LOG_TEXT("request_id", "0123456789abcdef0123456789abcdef"));
}

/* Returns whether something was there. */
static bool read_some(void)
{
	ssize_t n = read(reader, text + len, sizeof text - 1 - len);

	len += n > 0 ? (size_t)n : 0;
	text[len] = '\0';
	return n > 0;
}

static void read_while_flushing(void)
{
	do
		log_flush();
	while (read_some());
}

static int count_of(const char *part)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

/* How many numbers follow each other from 0. */
static int numbers_in_order(void)
{
	char wanted[32];
	const char *at = text;
	int n = 0;

	for (;; n++) {
		const char *next;

		snprintf(wanted, sizeof wanted, "\"n\":%d,", n);
		next = strstr(at, wanted);
		if (!next)
			return n;
		at = next;
	}
}

static long lines_dropped(void)
{
	static const char report[] = "\"log lines were dropped\",\"lines\":";
	const char *at = strstr(text, report);

	return at ? strtol(at + strlen(report), NULL, 10) : 0;
}

static void test_writing_to_a_pipe_that_is_not_read_returns_and_keeps_the_order(void **state)
{
	use_pipe();
	write_numbered(0, FITTING);
	read_while_flushing();
	give_stdout_back();
	assert_int_equal(numbers_in_order(), FITTING);
	assert_int_equal(count_of("\n"), FITTING);
}

static void test_lines_without_room_are_counted_and_reported_where_they_are_missing(void **state)
{
	double before = metrics_value(dropped);
	int kept;

	use_pipe();
	write_numbered(0, TOO_MANY);
	read_while_flushing();
	log_line(LOG_INFO, "afterwards");
	read_while_flushing();
	give_stdout_back();
	kept = numbers_in_order();
	assert_true(kept > FITTING && kept < TOO_MANY);
	assert_int_equal(lines_dropped(), TOO_MANY - kept);
	assert_true(metrics_value(dropped) - before == TOO_MANY - kept);
	assert_int_equal(count_of("\n"), kept + 2);
	assert_true(strstr(text, "log lines were dropped") < strstr(text, "afterwards"));
}

static void test_no_more_memory_is_taken_than_the_bound(void **state)
{
	size_t waiting;

	use_pipe();
	write_numbered(0, TOO_MANY);
	waiting = log_output_bytes();
	read_while_flushing();
	give_stdout_back();
	assert_in_range(waiting, LOG_WAITING_BYTES_MAX / 2, LOG_WAITING_BYTES_MAX);
}

static void test_the_loop_writes_on_when_the_pipe_is_read_again(void **state)
{
	use_pipe();
	log_attach(base);
	write_numbered(0, FITTING);
	event_base_loop(base, EVLOOP_NONBLOCK);
	while (numbers_in_order() < FITTING) {
		read_some();
		event_base_loop(base, EVLOOP_ONCE);
	}
	give_stdout_back();
	assert_int_equal(count_of("\n"), FITTING);
}

static void test_the_pipe_of_our_parent_stays_blocking(void **state)
{
	int flags;

	use_pipe();
	write_numbered(0, FITTING);
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	read_while_flushing();
	give_stdout_back();
	assert_false(flags & O_NONBLOCK);
}

static void test_a_socket_that_is_not_read_does_not_hold_the_process_either(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	reader = ends[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	use_stdout(ends[1]);
	write_numbered(0, FITTING);
	read_while_flushing();
	give_stdout_back();
	assert_int_equal(numbers_in_order(), FITTING);
}

static void test_a_terminal_that_is_not_read_does_not_hold_the_process_either(void **state)
{
	int terminal;

	reader = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(reader >= 0 && grantpt(reader) == 0 && unlockpt(reader) == 0);
	terminal = open(ptsname(reader), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	use_stdout(terminal);
	write_numbered(0, FITTING);
	for (int pauses = 0; numbers_in_order() < FITTING && pauses < 10000; pauses++) {
		read_some();
		log_flush();
		usleep(100);
	}
	give_stdout_back();
	assert_int_equal(numbers_in_order(), FITTING);
}

static void test_a_pipe_whose_reader_is_gone_drops_and_counts(void **state)
{
	double before = metrics_value(dropped);

	use_pipe();
	close(reader);
	reader = -1;
	write_numbered(0, 10);
	give_stdout_back();
	log_forked();
	assert_int_equal((int)(metrics_value(dropped) - before), 10);
}

static void test_lines_wait_for_room_on_a_full_disk(void **state)
{
	int file = memfd_create("log", MFD_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(file >= 0 && full >= 0);
	reader = dup(file);
	use_stdout(full);
	write_numbered(0, FITTING);
	dup2(file, STDOUT_FILENO);
	close(file);
	log_flush();
	give_stdout_back();
	lseek(reader, 0, SEEK_SET);
	while (read_some())
		;
	assert_int_equal(numbers_in_order(), FITTING);
}

static void test_what_two_processes_write_into_one_pipe_is_whole_lines(void **state)
{
	int how, broken = 0, lines = 0;
	pid_t writers[2];

	use_pipe();
	for (int i = 0; i < 2; i++) {
		writers[i] = fork();
		if (writers[i] == 0) {
			for (int n = 0; n < FITTING; n++)
				write_numbered(n, 1);
			exit(0);
		}
	}
	close(STDOUT_FILENO);
	fcntl(reader, F_SETFL, 0);
	while (read_some())
		;
	give_stdout_back();
	for (int i = 0; i < 2; i++)
		assert_int_equal(waitpid(writers[i], &how, 0), writers[i]);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
		broken += *line != '{' || line[strlen(line) - 1] != '}' || strstr(line + 1, "{\"ts\"") != NULL;
	assert_int_equal(broken, 0);
	assert_int_equal(lines, 2 * FITTING);
}

static int64_t exit_of_a_process_that_wrote(int count, void (*meanwhile)(void))
{
	int64_t begin_us = clock_monotonic_us();
	int how;
	pid_t child = fork();

	if (child == 0) {
		log_attach(base);
		write_numbered(0, count);
		exit(0);
	}
	meanwhile();
	waitpid(child, &how, 0);
	return clock_monotonic_us() - begin_us;
}

static void read_to_the_end(void)
{
	usleep(100000);
	close(STDOUT_FILENO);
	fcntl(reader, F_SETFL, 0);
	while (read_some())
		;
}

static void do_nothing(void)
{
}

static void test_the_end_of_a_process_waits_for_a_reader_that_reads(void **state)
{
	use_pipe();
	exit_of_a_process_that_wrote(FITTING, read_to_the_end);
	give_stdout_back();
	assert_int_equal(numbers_in_order(), FITTING);
}

/* A page at a time, with rests far shorter than the limit of one, but in all longer. */
static void test_the_last_lines_wait_longer_for_a_reader_that_goes_on_reading(void **state)
{
	const long rest_ms = 500;
	int64_t begin_us = clock_monotonic_us();
	pid_t child;
	int how;

	use_pipe();
	fcntl(reader, F_SETPIPE_SZ, 4096);
	child = fork();
	if (child == 0) {
		write_numbered(0, FITTING);
		log_output_finish(rest_ms, LIMIT_S * 1000);
		_exit(0);
	}
	close(STDOUT_FILENO);
	fcntl(reader, F_SETFL, 0);
	do
		usleep(20000);
	while (read_some());
	waitpid(child, &how, 0);
	give_stdout_back();
	assert_true(clock_monotonic_us() - begin_us > rest_ms * 1000);
	assert_int_equal(numbers_in_order(), FITTING);
}

static void test_the_end_of_a_process_does_not_wait_long_for_a_reader_that_does_not_read(void **state)
{
	int64_t took_us;

	use_pipe();
	took_us = exit_of_a_process_that_wrote(FITTING, do_nothing);
	give_stdout_back();
	assert_in_range(took_us, 400000, LIMIT_S * 1000000LL);
}

static void test_the_end_of_a_process_takes_no_longer_than_its_limit_however_long_a_reader_may_rest(void **state)
{
	int64_t begin_us = clock_monotonic_us();
	int how;
	pid_t child;

	use_pipe();
	child = fork();
	if (child == 0) {
		write_numbered(0, FITTING);
		log_output_finish(LIMIT_S * 1000 / 2, 200);
		_exit(0);
	}
	waitpid(child, &how, 0);
	give_stdout_back();
	assert_true(clock_monotonic_us() - begin_us < LIMIT_S * 1000000LL / 3);
}

static void test_a_child_does_not_write_what_waits_in_its_parent(void **state)
{
	pid_t child;
	int how;

	use_pipe();
	write_numbered(0, FITTING);
	child = fork();
	if (child == 0) {
		log_forked();
		exit(log_output_bytes() == 0 ? 0 : 1);
	}
	waitpid(child, &how, 0);
	read_while_flushing();
	give_stdout_back();
	assert_int_equal(how, 0);
	assert_int_equal(count_of("\n"), FITTING);
}

/* As in a sandbox: the pipe is another user's. */
static void test_a_pipe_that_can_not_be_opened_once_more_is_written_too_without_waiting(void **state)
{
	pid_t child;
	int how;

	if (geteuid() != 0)
		skip_because("only root can become another user");
	use_pipe();
	child = fork();
	if (child == 0) {
		if (setuid(65534) < 0)
			_exit(1);
		write_numbered(0, FITTING);
		exit(log_output_fd() == STDOUT_FILENO ? 0 : 2);
	}
	read_to_the_end();
	waitpid(child, &how, 0);
	give_stdout_back();
	assert_int_equal(how, 0);
	assert_int_equal(numbers_in_order(), FITTING);
}

#define UNREAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNREAD_TEST(test_writing_to_a_pipe_that_is_not_read_returns_and_keeps_the_order),
		UNREAD_TEST(test_lines_without_room_are_counted_and_reported_where_they_are_missing),
		UNREAD_TEST(test_no_more_memory_is_taken_than_the_bound),
		UNREAD_TEST(test_the_loop_writes_on_when_the_pipe_is_read_again),
		UNREAD_TEST(test_the_pipe_of_our_parent_stays_blocking),
		UNREAD_TEST(test_a_socket_that_is_not_read_does_not_hold_the_process_either),
		UNREAD_TEST(test_a_terminal_that_is_not_read_does_not_hold_the_process_either),
		UNREAD_TEST(test_a_pipe_whose_reader_is_gone_drops_and_counts),
		UNREAD_TEST(test_lines_wait_for_room_on_a_full_disk),
		UNREAD_TEST(test_what_two_processes_write_into_one_pipe_is_whole_lines),
		UNREAD_TEST(test_the_end_of_a_process_waits_for_a_reader_that_reads),
		UNREAD_TEST(test_the_last_lines_wait_longer_for_a_reader_that_goes_on_reading),
		UNREAD_TEST(test_the_end_of_a_process_does_not_wait_long_for_a_reader_that_does_not_read),
		UNREAD_TEST(test_the_end_of_a_process_takes_no_longer_than_its_limit_however_long_a_reader_may_rest),
		UNREAD_TEST(test_a_child_does_not_write_what_waits_in_its_parent),
		UNREAD_TEST(test_a_pipe_that_can_not_be_opened_once_more_is_written_too_without_waiting),
	};

	signal(SIGPIPE, SIG_IGN);
	dropped = metrics_counter("dropped_total", NULL, "As log_lines_dropped_total.");
	log_output_count_in(dropped);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

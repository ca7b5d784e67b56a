/* What the parent does when serving processes hang, and what serving processes do while the parent is stopped or when it is
 * killed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <time.h>
#include "tests/daemon/daemon_fixture.h"

#define HANG_MS 2000
#define PAUSE_MS 3000 /* longer than HANG_MS, by more than two processes need to wake up */
#define SLOW_MS 3000  /* delay that a busy machine may add */

static pid_t pids[2]; /* of the serving processes, by their number */

static void launch(int processes)
{
	environment_set("HANG_SECONDS", "2");
	environment_set("PROCESSES", processes == 1 ? "1" : "2");
	fixture_launch(NULL);
	for (int i = 0; i < processes; i++) {
		struct note note = fixture_next(NOTE_ARMED);

		pids[note.process] = note.pid;
	}
}

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Stops the daemon: every process that was started ends now, with 0. */
static void assert_none_was_replaced(void)
{
	struct note note;

	kill(fixture.pid, SIGTERM);
	while (fixture_read_note(&note))
		assert_int_not_equal(note.kind, NOTE_STARTING);
	assert_int_equal(fixture_wait(), 0);
}

static void assert_replaced(int64_t since_us, pid_t hanging)
{
	struct note note = fixture_next(NOTE_STARTING);
	int64_t took_ms = (note.at_us - since_us) / 1000;

	assert_int_not_equal(note.pid, hanging);
	assert_int_equal(kill(hanging, 0), -1);
	if (took_ms > HANG_MS + SLOW_MS)
		fail_msg("replaced after %ld ms", (long)took_ms);
}

static void test_a_watched_process_has_a_parent_even_when_it_is_the_only_one(void **state)
{
	launch(1);
	assert_int_not_equal(pids[0], fixture.pid);
	assert_none_was_replaced();
}

static void test_the_only_process_is_replaced_when_it_is_killed(void **state)
{
	int64_t killed_us;
	struct note note;

	launch(1);
	killed_us = clock_monotonic_us();
	kill(pids[0], SIGKILL);
	note = fixture_next(NOTE_STARTING);
	assert_int_not_equal(note.pid, pids[0]);
	assert_in_range(note.at_us - killed_us, 0, SLOW_MS * 1000);
}

static void test_a_stopped_process_is_replaced_within_hang_seconds(void **state)
{
	int64_t stopped_us;

	launch(1);
	stopped_us = clock_monotonic_us();
	kill(pids[0], SIGSTOP);
	assert_replaced(stopped_us, pids[0]);
}

static void launch_with_an_unread_log(void)
{
	environment_set("LOG_LEVEL", "info");
	behaviour.log_is_not_read = true;
	launch(1);
}

static void test_a_stopped_process_is_replaced_while_the_log_is_not_read(void **state)
{
	int64_t stopped_us;

	launch_with_an_unread_log();
	stopped_us = clock_monotonic_us();
	kill(pids[0], SIGSTOP);
	assert_replaced(stopped_us, pids[0]);
}

static void test_a_killed_process_is_replaced_while_the_log_is_not_read(void **state)
{
	int64_t killed_us;

	launch_with_an_unread_log();
	killed_us = clock_monotonic_us();
	kill(pids[0], SIGKILL);
	assert_in_range(fixture_next(NOTE_STARTING).at_us - killed_us, 0, SLOW_MS * 1000);
}

static void test_the_daemon_ends_while_the_log_is_not_read(void **state)
{
	launch_with_an_unread_log();
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 0);
}

static void test_a_process_whose_loop_does_not_turn_is_replaced_within_hang_seconds(void **state)
{
	behaviour.hangs_when_armed = true;
	launch(1);
	assert_replaced(clock_monotonic_us(), pids[0]);
}

static void test_of_two_processes_the_one_that_hangs_is_replaced_and_the_other_goes_on(void **state)
{
	struct note note;

	launch(2);
	kill(pids[1], SIGSTOP);
	assert_int_equal(fixture_next(NOTE_STARTING).process, 1);
	kill(fixture.pid, SIGTERM);
	while (fixture_read_note(&note))
		assert_int_equal(note.process, 1);
	assert_int_equal(fixture_wait(), 0);
}

static void test_an_idle_process_does_not_hang(void **state)
{
	launch(2);
	pause_ms(PAUSE_MS);
	assert_none_was_replaced();
}

static void test_processes_go_on_while_their_parent_is_stopped(void **state)
{
	launch(2);
	kill(fixture.pid, SIGSTOP);
	pause_ms(PAUSE_MS);
	assert_int_equal(kill(pids[0], 0), 0);
	assert_int_equal(kill(pids[1], 0), 0);
	kill(fixture.pid, SIGCONT);
	assert_none_was_replaced();
}

/* As when a machine is suspended. The parent wakes up first, which is the harder case. */
static void test_time_in_which_parent_and_process_were_stopped_does_not_count_as_silence(void **state)
{
	launch(1);
	kill(fixture.pid, SIGSTOP);
	kill(pids[0], SIGSTOP);
	pause_ms(PAUSE_MS);
	kill(fixture.pid, SIGCONT);
	pause_ms(100);
	kill(pids[0], SIGCONT);
	pause_ms(200);
	assert_none_was_replaced();
}

/* Only SIGKILL ends a stopped process; any other signal would leave it with the port. */
static void test_a_stopped_process_ends_when_its_parent_is_killed(void **state)
{
	launch(2);
	kill(pids[0], SIGSTOP);
	kill(fixture.pid, SIGKILL);
	assert_int_equal(fixture_wait(), -SIGKILL);
}

static void test_a_stopped_process_does_not_keep_the_daemon_from_ending(void **state)
{
	environment_set("DRAIN_SECONDS", "0");
	launch(1);
	kill(pids[0], SIGSTOP);
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 1);
}

/* ---- readiness ---- */

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* The answer is empty when none came in time, because the process that hangs got the request. */
static void ask_ready(int port, char *answer, size_t size)
{
	static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 200000}, sizeof(struct timeval));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    write(fd, request, sizeof request - 1) == (ssize_t)sizeof request - 1)
		while (len < size - 1 && (n = read(fd, answer + len, size - 1 - len)) > 0)
			len += (size_t)n;
	answer[len] = '\0';
	close(fd);
}

static void wait_for_answer(int port, const char *part)
{
	int64_t limit_us = clock_monotonic_us() + FIXTURE_LIMIT_MS * 1000LL;
	char answer[2048] = "";

	while (!strstr(answer, part)) {
		if (clock_monotonic_us() > limit_us)
			fail_msg("waited too long; the last answer was: %s", answer);
		ask_ready(port, answer, sizeof answer);
	}
}

static void test_a_process_reports_that_another_hangs(void **state)
{
	int port = free_port();
	char text[16];

	snprintf(text, sizeof text, "%d", port);
	environment_set("ADMIN_PORT", text);
	environment_set("PROCESSES", "2");
	environment_set("HANG_SECONDS", "0");
	fixture_launch(NULL);
	wait_for_answer(port, "HTTP/1.1 200 ");
	kill(fixture_next(NOTE_ARMED).pid, SIGSTOP);
	wait_for_answer(port, "Not ready: a serving process hangs.");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_watched_process_has_a_parent_even_when_it_is_the_only_one),
		TEST(test_the_only_process_is_replaced_when_it_is_killed),
		TEST(test_a_stopped_process_is_replaced_within_hang_seconds),
		TEST(test_a_stopped_process_is_replaced_while_the_log_is_not_read),
		TEST(test_a_killed_process_is_replaced_while_the_log_is_not_read),
		TEST(test_the_daemon_ends_while_the_log_is_not_read),
		TEST(test_a_process_whose_loop_does_not_turn_is_replaced_within_hang_seconds),
		TEST(test_of_two_processes_the_one_that_hangs_is_replaced_and_the_other_goes_on),
		TEST(test_an_idle_process_does_not_hang),
		TEST(test_processes_go_on_while_their_parent_is_stopped),
		TEST(test_time_in_which_parent_and_process_were_stopped_does_not_count_as_silence),
		TEST(test_a_stopped_process_ends_when_its_parent_is_killed),
		TEST(test_a_stopped_process_does_not_keep_the_daemon_from_ending),
		TEST(test_a_process_reports_that_another_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

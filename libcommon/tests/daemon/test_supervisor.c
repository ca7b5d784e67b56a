/* The parent of several serving processes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/daemon/daemon_fixture.h"

#define PROCESSES 3

static pid_t pids[PROCESSES]; /* of the serving processes, by their number */

static void launch(void)
{
	environment_set("PROCESSES", "3");
	fixture_launch(NULL);
	for (int i = 0; i < PROCESSES; i++) {
		struct note note = fixture_next(NOTE_ARMED);

		assert_in_range(note.process, 0, PROCESSES - 1);
		pids[note.process] = note.pid;
	}
}

static void test_as_many_processes_serve_as_are_configured_each_with_its_number(void **state)
{
	memset(pids, 0, sizeof pids);
	launch();
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(pids[i] > 0);
		assert_int_not_equal(pids[i], fixture.pid);
	}
}

static void test_auto_is_one_for_each_processor(void **state)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	environment_set("PROCESSES", "auto");
	fixture_launch(NULL);
	assert_int_equal(fixture_next(NOTE_STARTING).processes, processors < 64 ? processors : 64);
}

static void test_a_killed_serving_process_is_replaced_under_its_number(void **state)
{
	struct note note;

	launch();
	kill(pids[1], SIGKILL);
	note = fixture_next(NOTE_STARTING);
	assert_int_equal(note.process, 1);
	assert_int_not_equal(note.pid, pids[1]);
}

/* Checks the quickest of three, because other work of the machine may delay one of them. */
static void test_a_killed_serving_process_is_replaced_within_100_ms(void **state)
{
	int64_t quickest_us = INT64_MAX;

	launch();
	for (int i = 0; i < PROCESSES; i++) {
		int64_t killed_us = clock_monotonic_us(), us;

		kill(pids[i], SIGKILL);
		us = fixture_next(NOTE_STARTING).at_us - killed_us;
		quickest_us = us < quickest_us ? us : quickest_us;
	}
	assert_in_range(quickest_us, 0, 100000);
}

static void test_the_others_go_on_while_one_is_replaced(void **state)
{
	struct note note;

	launch();
	kill(pids[2], SIGKILL);
	fixture_next(NOTE_STARTING);
	kill(fixture.pid, SIGTERM);
	while (fixture_read_note(&note))
		assert_int_equal(note.process, 2);
	assert_int_equal(fixture_wait(), 0);
}

static void test_a_process_that_keeps_dying_is_replaced_after_growing_delays(void **state)
{
	int64_t before_us = 0;
	int lives = 0;

	behaviour.start_fails = true;
	environment_set("PROCESSES", "2");
	fixture_launch(NULL);
	while (lives < 6) {
		struct note note = fixture_next(NOTE_STARTING);

		if (note.process != 0)
			continue;
		if (lives > 0)
			assert_true(note.at_us - before_us >= (10000 << (lives - 1)) - 1000);
		before_us = note.at_us;
		lives++;
	}
}

static void test_sigterm_ends_all_processes_with_0(void **state)
{
	launch();
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 0);
}

static void test_sigint_ends_all_processes_with_0(void **state)
{
	launch();
	kill(fixture.pid, SIGINT);
	assert_int_equal(fixture_wait(), 0);
}

static void test_a_serving_process_that_gets_sigterm_is_replaced(void **state)
{
	launch();
	kill(pids[0], SIGTERM);
	assert_int_equal(fixture_next(NOTE_STARTING).process, 0);
}

static void test_no_process_is_replaced_once_the_daemon_ends(void **state)
{
	struct note note;

	launch();
	kill(fixture.pid, SIGTERM);
	while (fixture_read_note(&note))
		assert_int_not_equal(note.kind, NOTE_STARTING);
	assert_int_equal(fixture_wait(), 0);
}

static void test_a_drain_that_was_cut_off_in_any_process_ends_with_1(void **state)
{
	behaviour.never_drains = true;
	environment_set("DRAIN_SECONDS", "0");
	launch();
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 1);
}

static void test_a_process_that_hangs_is_killed_two_seconds_after_the_drain_limit(void **state)
{
	int64_t asked_us;

	behaviour.hangs_in_drain = true;
	environment_set("DRAIN_SECONDS", "0");
	launch();
	asked_us = clock_monotonic_us();
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 1);
	assert_true(clock_monotonic_us() - asked_us >= 1900000);
}

static void test_serving_processes_end_when_their_parent_is_killed(void **state)
{
	launch();
	kill(fixture.pid, SIGKILL);
	assert_int_equal(fixture_wait(), -SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_as_many_processes_serve_as_are_configured_each_with_its_number,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_auto_is_one_for_each_processor, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_killed_serving_process_is_replaced_under_its_number, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_killed_serving_process_is_replaced_within_100_ms, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_the_others_go_on_while_one_is_replaced, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_process_that_keeps_dying_is_replaced_after_growing_delays,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_sigterm_ends_all_processes_with_0, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_sigint_ends_all_processes_with_0, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_serving_process_that_gets_sigterm_is_replaced, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_no_process_is_replaced_once_the_daemon_ends, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_drain_that_was_cut_off_in_any_process_ends_with_1, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_process_that_hangs_is_killed_two_seconds_after_the_drain_limit,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_serving_processes_end_when_their_parent_is_killed, fixture_set_up,
						fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

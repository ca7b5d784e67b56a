/* A daemon's command line and configuration, and the life of one serving process. test_supervisor.c covers several. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/resource.h>
#include "tests/daemon/daemon_fixture.h"

static void assert_printed(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s is not in\n%s", part, text);
}

static void test_bad_configuration_ends_with_78_and_names_every_problem_at_once(void **state)
{
	environment_set("PROCESSES", "0");
	environment_set("LOG_LEVEL", "loud");
	environment_set("ADMIN_PORT", "65536");
	environment_set("DRAIN_SECONDS", "soon");
	environment_set("HANG_SECONDS", "1");
	environment_set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
	environment_set("OTEL_TRACES_SAMPLER_ARG", "1.5");
	environment_set("T_NUMBER", "10");
	environment_set("T_RULE", "1");
	assert_int_equal(fixture_run(NULL), CONFIG_EXIT_CODE);
	assert_printed(fixture_err, "tester: PROCESSES: must be auto or a number from 1 to 64\n");
	assert_printed(fixture_err, "tester: LOG_LEVEL: ");
	assert_printed(fixture_err, "tester: ADMIN_PORT: must be from 0 to 65535\n");
	assert_printed(fixture_err, "tester: DRAIN_SECONDS: must be a whole number\n");
	assert_printed(fixture_err, "tester: HANG_SECONDS: must be 0, or 2 and more");
	assert_printed(fixture_err, "tester: OTEL_EXPORTER_OTLP_ENDPOINT: must be http://host:port, without TLS\n");
	assert_printed(fixture_err, "tester: OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1\n");
	assert_printed(fixture_err, "tester: T_NUMBER: must be from 1 to 9\n");
	assert_printed(fixture_err, "tester: T_RULE: is broken\n");
}

static void test_an_invalid_number_of_processes_is_a_problem(void **state)
{
	static const char *const texts[] = {"0", "-1", "65", "two", "1.5", "AUTO", " 2"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int exit_code;

		setenv("PROCESSES", texts[i], 1);
		exit_code = fixture_run("--check");
		unsetenv("PROCESSES");
		close(fixture.notes);
		close(fixture.out);
		close(fixture.err);
		if (exit_code != CONFIG_EXIT_CODE)
			fail_msg("%s", texts[i]);
	}
}

static void test_check_ends_with_0_when_the_configuration_is_sound_and_prints_nothing(void **state)
{
	assert_int_equal(fixture_run("--check"), 0);
	assert_string_equal(fixture_err, "");
}

static void test_check_ends_with_78_when_the_configuration_is_bad(void **state)
{
	environment_set("T_NUMBER", "0");
	assert_int_equal(fixture_run("--check"), CONFIG_EXIT_CODE);
	assert_printed(fixture_err, "T_NUMBER");
}

static void test_check_starts_nothing(void **state)
{
	struct note note;

	fixture_launch("--check");
	assert_false(fixture_read_note(&note));
	assert_int_equal(fixture_wait(), 0);
}

static void test_help_names_the_daemon_and_every_option(void **state)
{
	static const char *const parts[] = {"tester: does nothing\n",
					    "--check-ready",
					    "--check-alive",
					    "APP_ENV",
					    "T_TEXT",
					    "T_NUMBER",
					    "ADMIN_HOST",
					    "ADMIN_PORT",
					    "PROCESSES",
					    "DRAIN_SECONDS",
					    "HANG_SECONDS",
					    "LOG_LEVEL",
					    "INSTANCE"};

	assert_int_equal(fixture_run("--help"), 0);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_printed(fixture_out, parts[i]);
}

static void test_help_is_printed_although_the_configuration_is_bad(void **state)
{
	environment_set("T_NUMBER", "0");
	assert_int_equal(fixture_run("--help"), 0);
	assert_string_equal(fixture_err, "");
}

static void test_version_is_one_line_that_begins_with_the_name(void **state)
{
	assert_int_equal(fixture_run("--version"), 0);
	assert_ptr_equal(strstr(fixture_out, "tester "), fixture_out);
	assert_ptr_equal(strchr(fixture_out, '\n'), fixture_out + strlen(fixture_out) - 1);
}

static void test_an_unknown_argument_is_refused(void **state)
{
	assert_int_equal(fixture_run("--chekc"), 64);
	assert_printed(fixture_err, "--chekc");
}

static void test_one_process_without_hang_seconds_has_no_parent(void **state)
{
	struct note note;

	environment_set("HANG_SECONDS", "0");
	fixture_launch(NULL);
	note = fixture_next(NOTE_STARTING);
	assert_int_equal(note.pid, fixture.pid);
	assert_int_equal(note.process, 0);
	assert_int_equal(note.processes, 1);
}

static void ends_with(int number, int expected_exit_code)
{
	fixture_launch(NULL);
	fixture_next(NOTE_ARMED);
	kill(fixture.pid, number);
	assert_int_equal(fixture_wait(), expected_exit_code);
}

static void test_sigterm_drains_and_ends_with_0(void **state)
{
	ends_with(SIGTERM, 0);
}

static void test_sigint_drains_and_ends_with_0(void **state)
{
	ends_with(SIGINT, 0);
}

static void test_a_drain_that_does_not_end_is_cut_off_at_the_limit_with_1(void **state)
{
	behaviour.never_drains = true;
	environment_set("DRAIN_SECONDS", "0");
	ends_with(SIGTERM, 1);
}

static void test_a_service_that_can_not_start_ends_with_1(void **state)
{
	behaviour.start_fails = true;
	assert_int_equal(fixture_run(NULL), 1);
}

static void test_as_many_files_may_be_open_as_the_hard_limit_allows(void **state)
{
	struct rlimit before, seen;
	struct note note;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 200, .rlim_max = before.rlim_max}), 0);
	fixture_launch(NULL);
	note = fixture_next(NOTE_ARMED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(prlimit(note.pid, RLIMIT_NOFILE, NULL, &seen), 0);
	assert_int_equal(seen.rlim_cur, before.rlim_max < 1 << 20 ? before.rlim_max : 1 << 20);
	kill(fixture.pid, SIGTERM);
	assert_int_equal(fixture_wait(), 0);
}

static void test_a_check_of_the_running_daemon_fails_where_nothing_listens(void **state)
{
	environment_set("ADMIN_PORT", "1"); /* tcpmux, which no machine runs any more */
	assert_int_equal(fixture_run("--check-ready"), 1);
	assert_int_equal(fixture_run("--check-alive"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_configuration_ends_with_78_and_names_every_problem_at_once,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_an_invalid_number_of_processes_is_a_problem, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_check_ends_with_0_when_the_configuration_is_sound_and_prints_nothing,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_check_ends_with_78_when_the_configuration_is_bad, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_check_starts_nothing, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_help_names_the_daemon_and_every_option, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_help_is_printed_although_the_configuration_is_bad, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_version_is_one_line_that_begins_with_the_name, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_an_unknown_argument_is_refused, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_one_process_without_hang_seconds_has_no_parent, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_sigterm_drains_and_ends_with_0, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_sigint_drains_and_ends_with_0, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_drain_that_does_not_end_is_cut_off_at_the_limit_with_1, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_service_that_can_not_start_ends_with_1, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_as_many_files_may_be_open_as_the_hard_limit_allows, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_a_check_of_the_running_daemon_fails_where_nothing_listens, fixture_set_up,
						fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

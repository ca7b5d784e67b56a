/* Log lines: what one looks like, and when it is written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "tests/capture.h"

static struct capture capture;
static struct event_base *base;
static cJSON *line;

static int set_up(void **state)
{
	log_init("users", "users:1", LOG_INFO);
	base = loop_new();
	capture_start(&capture, STDOUT_FILENO);
	return 0;
}

static int tear_down(void **state)
{
	log_attach(NULL);
	event_base_free(base);
	cJSON_Delete(line);
	line = NULL;
	return 0;
}

/* The only line that has been written. */
static void read_line(void)
{
	capture_end(&capture);
	assert_ptr_equal(strchr(capture.text, '\n'), capture.text + capture.len - 1);
	assert_int_equal(json_parse(capture.text, capture.len, &line), STATUS_OK);
}

static double number_of(const char *name)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(line, name));
}

static void test_a_line_is_one_json_object_with_time_level_origin_and_message(void **state)
{
	log_line(LOG_INFO, "started");
	read_line();
	assert_string_equal(json_text(line, "level"), "info");
	assert_string_equal(json_text(line, "service"), "users");
	assert_string_equal(json_text(line, "instance"), "users:1");
	assert_string_equal(json_text(line, "msg"), "started");
	assert_int_equal(strlen(json_text(line, "ts")), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(json_text(line, "ts")[23], 'Z');
}

static void test_each_level_has_its_name(void **state)
{
	log_init("users", "users:1", LOG_DEBUG);
	for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++)
		log_line(level, "x");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "\"level\":\"debug\""));
	assert_non_null(strstr(capture.text, "\"level\":\"info\""));
	assert_non_null(strstr(capture.text, "\"level\":\"warn\""));
	assert_non_null(strstr(capture.text, "\"level\":\"error\""));
}

static void test_lines_below_the_least_level_are_left_out(void **state)
{
	log_init("users", "users:1", LOG_WARN);
	log_line(LOG_INFO, "left out");
	log_line(LOG_WARN, "written");
	read_line();
	assert_string_equal(json_text(line, "msg"), "written");
}

static void test_fields_follow_with_their_types(void **state)
{
	log_line(LOG_INFO, "x", LOG_TEXT("reason", "why"), LOG_INT("count", -7), LOG_MS("duration_ms", 1.25));
	read_line();
	assert_string_equal(json_text(line, "reason"), "why");
	assert_true(number_of("count") == -7);
	assert_true(number_of("duration_ms") == 1.25);
}

static void test_a_text_field_without_a_text_is_left_out(void **state)
{
	log_line(LOG_INFO, "x", LOG_TEXT("absent", NULL), LOG_TEXT("empty", ""));
	read_line();
	assert_false(json_has(line, "absent"));
	assert_string_equal(json_text(line, "empty"), "");
}

static void test_integers_are_written_whole(void **state)
{
	log_line(LOG_INFO, "x", LOG_INT("least", INT64_MIN), LOG_INT("greatest", INT64_MAX));
	read_line();
	assert_non_null(strstr(capture.text, "\"least\":-9223372036854775808"));
	assert_non_null(strstr(capture.text, "\"greatest\":9223372036854775807"));
}

static void test_milliseconds_have_three_decimals_rounded(void **state)
{
	log_line(LOG_INFO, "x", LOG_MS("a", 0), LOG_MS("b", 1.001), LOG_MS("c", 12.0007), LOG_MS("d", 999.9996),
		 LOG_MS("e", 0.29));
	read_line();
	assert_non_null(strstr(capture.text, "\"a\":0.000,\"b\":1.001,\"c\":12.001,\"d\":1000.000,\"e\":0.290}"));
}

static void test_negative_milliseconds_are_a_number_too(void **state)
{
	log_line(LOG_INFO, "x", LOG_MS("a", -1.5), LOG_MS("b", -0.25));
	read_line();
	assert_non_null(strstr(capture.text, "\"a\":-1.500,\"b\":-0.250}"));
}

static void test_milliseconds_that_are_not_a_number_or_out_of_range_are_null(void **state)
{
	log_line(LOG_INFO, "x", LOG_MS("a", (double)NAN), LOG_MS("b", (double)INFINITY), LOG_MS("c", 1e300));
	read_line();
	assert_non_null(strstr(capture.text, "\"a\":null,\"b\":null,\"c\":null}"));
}

static void test_no_text_can_break_out_of_its_line(void **state)
{
	log_line(LOG_INFO, "a\n{\"b\":1}", LOG_TEXT("c", "\"\\\xFF\x01\r\n"));
	read_line();
	assert_string_equal(json_text(line, "msg"), "a\n{\"b\":1}");
	assert_string_equal(json_text(line, "c"), "\"\\\xEF\xBF\xBD\x01\r\n");
}

static void test_service_and_instance_are_copied(void **state)
{
	char service[] = "one", instance[] = "two";

	log_init(service, instance, LOG_INFO);
	service[0] = instance[0] = 'X';
	log_line(LOG_INFO, "x");
	read_line();
	assert_string_equal(json_text(line, "service"), "one");
	assert_string_equal(json_text(line, "instance"), "two");
	assert_string_equal(log_instance(), "two");
}

static void test_without_a_loop_each_line_is_written_at_once(void **state)
{
	log_line(LOG_INFO, "x");
	read_line();
}

static void test_with_a_loop_lines_wait_for_the_end_of_the_turn(void **state)
{
	size_t before, after;

	log_attach(base);
	log_line(LOG_INFO, "one");
	log_line(LOG_INFO, "two");
	before = strlen(capture_text(&capture));
	event_base_loop(base, EVLOOP_NONBLOCK);
	after = strlen(capture_end(&capture));
	assert_int_equal(before, 0);
	assert_true(after > 0);
	assert_true(strstr(capture.text, "\"one\"") < strstr(capture.text, "\"two\""));
}

static void test_a_warning_is_written_at_once_with_the_lines_before_it(void **state)
{
	log_attach(base);
	log_line(LOG_INFO, "before");
	log_line(LOG_WARN, "warning");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "\"before\""));
	assert_non_null(strstr(capture.text, "\"warning\""));
}

static void test_flushing_writes_each_buffered_line_exactly_once(void **state)
{
	log_attach(base);
	log_line(LOG_INFO, "x");
	log_flush();
	log_flush();
	event_base_loop(base, EVLOOP_NONBLOCK);
	read_line();
}

static void test_detaching_from_the_loop_writes_buffered_lines_and_stops_buffering(void **state)
{
	log_attach(base);
	log_line(LOG_INFO, "before");
	log_attach(NULL);
	log_line(LOG_INFO, "after");
	capture_end(&capture);
	assert_non_null(strstr(capture.text, "\"before\""));
	assert_non_null(strstr(capture.text, "\"after\""));
}

static void test_more_than_64_kib_of_lines_are_written_at_once(void **state)
{
	static char text[1000];
	size_t written;

	memset(text, 'x', sizeof text - 1);
	log_attach(base);
	for (int i = 0; i < 70; i++)
		log_line(LOG_INFO, text);
	written = strlen(capture_text(&capture));
	log_flush();
	capture_end(&capture);
	assert_true(written > 64 * 1024);
}

static void test_buffered_lines_are_written_when_the_process_exits(void **state)
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		log_attach(base);
		log_line(LOG_INFO, "last words");
		exit(0);
	}
	assert_int_equal(waitpid(child, &how, 0), child);
	read_line();
	assert_string_equal(json_text(line, "msg"), "last words");
}

/* ---- repeated lines ---- */

static int count_of(const char *text)
{
	int count = 0;

	for (const char *at = capture.text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* reason: another in each test, because what was written is remembered. */
static void write_a_thousand_times(const char *reason)
{
	for (int i = 0; i < 1000; i++)
		log_line(LOG_WARN, "no group", LOG_TEXT("reason", reason));
}

/* The log's clock (--wrap in the Makefile). */
static int64_t ahead_us;
int64_t __real_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void);

int64_t __wrap_clock_monotonic_us(void)
{
	return __real_clock_monotonic_us() + ahead_us;
}

static void pass_ms(int64_t ms)
{
	ahead_us += ms * 1000;
}

static void pause_over_a_second(void)
{
	pass_ms(1050);
}

static void test_a_warning_that_repeats_is_written_once_and_then_counted(void **state)
{
	int at_once;

	write_a_thousand_times("out of memory");
	capture_text(&capture);
	at_once = count_of("no group");
	pause_over_a_second();
	log_flush();
	capture_end(&capture);
	assert_int_equal(at_once, 1);
	assert_int_equal(count_of("no group"), 2);
	assert_int_equal(count_of("\"reason\":\"out of memory\",\"repeated\":999}\n"), 1);
}

static void test_a_warning_after_the_second_stands_for_those_left_out_before_it(void **state)
{
	write_a_thousand_times("no permission");
	pause_over_a_second();
	log_line(LOG_WARN, "no group", LOG_TEXT("reason", "no permission"));
	capture_end(&capture);
	assert_int_equal(count_of("no group"), 2);
	assert_int_equal(count_of("\"repeated\":1000}"), 1);
}

/* Returns how often. */
static int write_for_ms(int64_t ms, int64_t every_ms, const char *reason)
{
	int n = 0;

	for (int64_t at_ms = 0; at_ms < ms; at_ms += every_ms, n++) {
		log_line(LOG_WARN, "no group", LOG_TEXT("reason", reason));
		pass_ms(every_ms);
	}
	return n;
}

/* What the lines stand for together. */
static int64_t sum_of_lines(void)
{
	static const char field[] = "\"repeated\":";
	int64_t sum = 0;

	for (char *rest = capture.text, *each; (each = strsep(&rest, "\n"));) {
		const char *times = strstr(each, field);

		if (strstr(each, "no group"))
			sum += times ? strtol(times + strlen(field), NULL, 10) : 1;
	}
	return sum;
}

static void test_a_warning_that_goes_on_is_written_ever_less_often_up_to_once_a_minute(void **state)
{
	int n = write_for_ms(4000, 100, "goes on"), lines_early, lines;

	capture_text(&capture);
	lines_early = count_of("no group");
	n += write_for_ms(3600000, 100, "goes on");
	log_attach(NULL); /* writes what is left */
	capture_end(&capture);
	lines = count_of("no group");
	assert_int_equal(lines_early, 3); /* at once, after 1 s and after 3 s */
	assert_in_range(lines, 60, 70);
	assert_int_equal(sum_of_lines(), n);
}

static void test_a_warning_that_comes_more_slowly_than_each_second_is_counted_too(void **state)
{
	int n = write_for_ms(60000, 1200, "slow");

	log_attach(NULL);
	capture_end(&capture);
	assert_in_range(count_of("no group"), 6, 9);
	assert_int_equal(sum_of_lines(), n);
}

static void test_after_it_was_quiet_a_warning_is_written_at_once_and_then_as_the_first_time(void **state)
{
	int n = write_for_ms(300000, 100, "comes back"), before, lines[2];

	capture_text(&capture);
	before = count_of("no group");
	pass_ms(10000);
	for (int i = 0; i < 2; i++) {
		n += write_for_ms(1050, 1050, "comes back");
		capture_text(&capture);
		lines[i] = count_of("no group");
	}
	capture_end(&capture);
	assert_int_equal(lines[0], before + 1);
	assert_int_equal(lines[1], before + 2);
	assert_int_equal(sum_of_lines(), n);
}

static void test_the_loop_writes_the_count_when_the_warning_does_not_come_again(void **state)
{
	log_attach(base);
	write_a_thousand_times("read-only");
	event_base_loop(base, EVLOOP_ONCE); /* until the timer has fired */
	event_base_loop(base, EVLOOP_ONCE); /* once more, in case it fired a little early */
	capture_end(&capture);
	assert_int_equal(count_of("\"repeated\":999}"), 1);
}

static void test_detaching_writes_the_count_at_once(void **state)
{
	log_attach(base);
	write_a_thousand_times("busy");
	log_attach(NULL);
	capture_end(&capture);
	assert_int_equal(count_of("\"repeated\":999}"), 1);
}

static void test_warnings_that_differ_in_a_field_are_all_written(void **state)
{
	for (int i = 0; i < 100; i++)
		log_line(LOG_WARN, "process ended", LOG_INT("pid", i));
	capture_end(&capture);
	assert_int_equal(count_of("process ended"), 100);
	assert_int_equal(count_of("repeated"), 0);
}

static void test_a_count_is_not_lost_to_many_other_warnings(void **state)
{
	write_a_thousand_times("loading");
	for (int i = 0; i < 100; i++)
		log_line(LOG_WARN, "process ended", LOG_INT("pid", i));
	capture_end(&capture);
	assert_int_equal(count_of("\"repeated\":999}"), 1);
}

static void test_lines_that_are_no_warning_are_all_written(void **state)
{
	log_line(LOG_INFO, "request");
	log_line(LOG_INFO, "request");
	capture_end(&capture);
	assert_int_equal(count_of("request"), 2);
	assert_int_equal(count_of("repeated"), 0);
}

static struct capture early;

/* Runs before anything else, while log_init() has not been called. */
static int write_a_line_before_set_up(void **state)
{
	capture_start(&early, STDOUT_FILENO);
	log_line(LOG_INFO, "early");
	capture_end(&early);
	return 0;
}

static void test_before_log_init_lines_carry_the_name_of_the_program(void **state)
{
	capture_end(&capture);
	assert_int_equal(json_parse(early.text, early.len, &line), STATUS_OK);
	assert_string_equal(json_text(line, "service"), "test_log");
	assert_string_equal(json_text(line, "instance"), "test_log");
	assert_string_equal(json_text(line, "msg"), "early");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_line_is_one_json_object_with_time_level_origin_and_message, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_each_level_has_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines_below_the_least_level_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fields_follow_with_their_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_text_field_without_a_text_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_integers_are_written_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_milliseconds_have_three_decimals_rounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_negative_milliseconds_are_a_number_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_milliseconds_that_are_not_a_number_or_out_of_range_are_null, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_text_can_break_out_of_its_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_service_and_instance_are_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_a_loop_each_line_is_written_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_with_a_loop_lines_wait_for_the_end_of_the_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_warning_is_written_at_once_with_the_lines_before_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flushing_writes_each_buffered_line_exactly_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_detaching_from_the_loop_writes_buffered_lines_and_stops_buffering, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_more_than_64_kib_of_lines_are_written_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_buffered_lines_are_written_when_the_process_exits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_warning_that_repeats_is_written_once_and_then_counted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_warning_after_the_second_stands_for_those_left_out_before_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_warning_that_goes_on_is_written_ever_less_often_up_to_once_a_minute,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_warning_that_comes_more_slowly_than_each_second_is_counted_too, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_after_it_was_quiet_a_warning_is_written_at_once_and_then_as_the_first_time,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_loop_writes_the_count_when_the_warning_does_not_come_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_detaching_writes_the_count_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_warnings_that_differ_in_a_field_are_all_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_count_is_not_lost_to_many_other_warnings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines_that_are_no_warning_are_all_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_before_log_init_lines_carry_the_name_of_the_program, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, write_a_line_before_set_up, NULL);
}

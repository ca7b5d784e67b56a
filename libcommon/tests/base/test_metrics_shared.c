/* Metrics of several processes: one slab a process in shared memory, and what each daemon reports about itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/metrics.h"
#include "base/version.h"

#define PROCESSES 3

static struct metric *counter, *gauge, *histogram;
static struct buf text;

static int share(void **state)
{
	counter = metrics_counter("c_total", NULL, "Help.");
	gauge = metrics_gauge("g", NULL, "Help.");
	histogram = metrics_histogram("h_seconds", NULL, "Help.");
	metrics_add(counter, 100);
	metrics_share(PROCESSES);
	return 0;
}

static int drop(void **state)
{
	buf_free(&text);
	return 0;
}

/* Runs act in a child that serves as the given process, and waits for its end. */
static void run_as(unsigned process, void (*act)(void))
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		metrics_process(process);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_int_equal(how, 0);
}

static void act_none(void)
{
}

static void act_count(void)
{
	metrics_add(counter, 1);
}

static void act_set(void)
{
	metrics_set(gauge, 5);
}

static void act_observe(void)
{
	metrics_observe(histogram, 0.002);
}

static double value_of(const char *name)
{
	char line[100];
	const char *at;

	buf_free(&text);
	metrics_text(&text);
	snprintf(line, sizeof line, "\n%s ", name);
	at = strstr(text.bytes, line);
	if (!at)
		fail_msg("%s is not in\n%s", name, text.bytes);
	return strtod(at + strlen(line), NULL);
}

/* These tests share their series and run in this order: each states the values that it starts from. */
static void test_what_was_counted_before_sharing_is_kept(void **state)
{
	assert_true(metrics_value(counter) == 100);
}

static void test_any_process_reports_the_sum_of_all(void **state)
{
	double before = metrics_value(counter);

	for (unsigned process = 0; process < PROCESSES; process++)
		run_as(process, act_count);
	assert_true(metrics_value(counter) == before + PROCESSES);
	assert_true(value_of("c_total") == before + PROCESSES);
}

static void test_a_process_that_is_replaced_keeps_its_counters(void **state)
{
	double before = metrics_value(counter);

	run_as(2, act_count);
	run_as(2, act_count);
	assert_true(metrics_value(counter) == before + 2);
}

static void test_a_process_that_is_replaced_clears_its_gauges(void **state)
{
	run_as(1, act_set);
	run_as(2, act_set);
	assert_true(metrics_value(gauge) == 10);
	run_as(1, act_none);
	assert_true(metrics_value(gauge) == 5);
	run_as(2, act_none);
	assert_true(metrics_value(gauge) == 0);
}

static void test_buckets_of_all_processes_are_added_up(void **state)
{
	for (unsigned process = 0; process < PROCESSES; process++)
		run_as(process, act_observe);
	assert_true(value_of("h_seconds_bucket{le=\"0.001\"}") == 0);
	assert_true(value_of("h_seconds_bucket{le=\"0.0025\"}") == PROCESSES);
	assert_true(value_of("h_seconds_count") == PROCESSES);
}

static void test_build_info_is_one_however_many_processes_there_are(void **state)
{
	char name[200];

	for (unsigned process = 0; process < PROCESSES; process++)
		run_as(process, act_none);
	snprintf(name, sizeof name, "build_info{version=\"%s\",revision=\"%s\"}", version_number, version_revision);
	assert_true(value_of(name) == 1);
}

static void test_the_process_reports_its_memory_and_its_processor_time(void **state)
{
	assert_true(value_of("process_resident_memory_bytes") > 100 * 1024);
	assert_true(value_of("process_cpu_seconds_total") >= 0);
	assert_non_null(strstr(text.bytes, "# TYPE process_cpu_seconds_total counter\n"));
}

static void test_the_start_of_the_process_is_in_unix_time(void **state)
{
	double now_s = (double)time(NULL), started_s = value_of("process_start_time_seconds");

	assert_true(started_s <= now_s + 2 && started_s > now_s - 600);
}

static void test_a_process_that_is_replaced_moves_the_start(void **state)
{
	double before_s = value_of("process_start_time_seconds");

	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	run_as(1, act_none);
	assert_true(value_of("process_start_time_seconds") > before_s);
}

static void test_open_descriptors_are_counted_exactly(void **state)
{
	double before = value_of("process_open_fds");
	int fd = dup(STDERR_FILENO);
	double with_one_more = value_of("process_open_fds");

	close(fd);
	assert_true(with_one_more == before + 1);
}

/* ---- OpenMetrics ---- */

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"

static void act_observe_traced(void)
{
	metrics_observe_traced(histogram, 0.3, TRACE_ID);
	metrics_observe_traced(histogram, 0.3, NULL);
}

static const char *open_text(void)
{
	buf_free(&text);
	metrics_open_text(&text);
	return text.bytes;
}

static void test_openmetrics_names_counters_without_total_and_ends_with_eof(void **state)
{
	open_text();
	assert_non_null(strstr(text.bytes, "# HELP c Help.\n# TYPE c counter\nc_total "));
	assert_non_null(strstr(text.bytes, "# TYPE g gauge\ng "));
	assert_non_null(strstr(text.bytes, "\nh_seconds_bucket{le=\"1\"} "));
	assert_string_equal(text.bytes + text.len - strlen("\n# EOF\n"), "\n# EOF\n");
}

static void test_an_exemplar_of_any_process_is_at_its_bucket_and_only_in_openmetrics(void **state)
{
	const char *exemplar;

	run_as(1, act_observe_traced);
	exemplar = strstr(open_text(), " # {trace_id=\"" TRACE_ID "\"} 0.3 ");
	assert_non_null(exemplar);
	assert_true(strtod(exemplar + strlen(" # {trace_id=\"" TRACE_ID "\"} 0.3 "), NULL) > 1e9);
	while (*exemplar != '\n')
		exemplar--;
	assert_memory_equal(exemplar + 1, "h_seconds_bucket{le=\"0.5\"} ", strlen("h_seconds_bucket{le=\"0.5\"} "));
	assert_null(strstr(strstr(text.bytes, TRACE_ID) + 1, TRACE_ID));
	buf_free(&text);
	metrics_text(&text);
	assert_null(strstr(text.bytes, "trace_id"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_was_counted_before_sharing_is_kept, drop),
		cmocka_unit_test_teardown(test_any_process_reports_the_sum_of_all, drop),
		cmocka_unit_test_teardown(test_a_process_that_is_replaced_keeps_its_counters, drop),
		cmocka_unit_test_teardown(test_a_process_that_is_replaced_clears_its_gauges, drop),
		cmocka_unit_test_teardown(test_buckets_of_all_processes_are_added_up, drop),
		cmocka_unit_test_teardown(test_build_info_is_one_however_many_processes_there_are, drop),
		cmocka_unit_test_teardown(test_the_process_reports_its_memory_and_its_processor_time, drop),
		cmocka_unit_test_teardown(test_the_start_of_the_process_is_in_unix_time, drop),
		cmocka_unit_test_teardown(test_a_process_that_is_replaced_moves_the_start, drop),
		cmocka_unit_test_teardown(test_open_descriptors_are_counted_exactly, drop),
		cmocka_unit_test_teardown(test_openmetrics_names_counters_without_total_and_ends_with_eof, drop),
		cmocka_unit_test_teardown(test_an_exemplar_of_any_process_is_at_its_bucket_and_only_in_openmetrics, drop),
	};

	return cmocka_run_group_tests(tests, share, NULL);
}

/* Metrics: the text format 0.0.4 and the sum over processes. The whole program shares one registry, so each test uses series of
 * its own; test_metrics_shared.c covers what follows metrics_share(). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/metrics.h"

static struct buf text;

static int drop(void **state)
{
	buf_free(&text);
	return 0;
}

static const char *read_text(void)
{
	buf_free(&text);
	metrics_text(&text);
	return text.bytes;
}

static void assert_has(const char *part)
{
	if (!strstr(text.bytes, part))
		fail_msg("%s is not in\n%s", part, text.bytes);
}

static void test_a_counter_begins_at_zero_and_adds_up(void **state)
{
	struct metric *counter = metrics_counter("c1_total", NULL, "Help.");

	assert_true(metrics_value(counter) == 0);
	metrics_add(counter, 1);
	metrics_add(counter, 2.5);
	assert_true(metrics_value(counter) == 3.5);
}

static void test_a_gauge_takes_the_last_value_and_may_be_added_to(void **state)
{
	struct metric *gauge = metrics_gauge("g1", NULL, "Help.");

	metrics_set(gauge, 5);
	metrics_set(gauge, 7);
	metrics_add(gauge, -10);
	assert_true(metrics_value(gauge) == -3);
}

static void test_a_family_has_its_help_and_its_type_before_its_sample(void **state)
{
	metrics_add(metrics_counter("c2_total", NULL, "What it counts."), 4);
	metrics_set(metrics_gauge("g2", NULL, "What it is."), 0.5);
	read_text();
	assert_has("# HELP c2_total What it counts.\n# TYPE c2_total counter\nc2_total 4\n");
	assert_has("# HELP g2 What it is.\n# TYPE g2 gauge\ng2 0.5\n");
}

static void test_series_of_one_family_stand_together_under_one_head(void **state)
{
	struct metric *get = metrics_counter("c3_total", "method=\"GET\"", "Help.");

	metrics_counter("between_total", NULL, "Another.");
	metrics_add(metrics_counter("c3_total", "method=\"PUT\"", "Help."), 2);
	metrics_add(get, 1);
	read_text();
	assert_has("# HELP c3_total Help.\n# TYPE c3_total counter\nc3_total{method=\"GET\"} 1\nc3_total{method=\"PUT\"} 2\n");
}

static void test_labels_are_copied(void **state)
{
	char labels[] = "kind=\"a\"";

	metrics_gauge("g3", labels, "Help.");
	labels[0] = 'X';
	read_text();
	assert_has("g3{kind=\"a\"} 0\n");
}

static void test_empty_labels_are_left_out(void **state)
{
	metrics_gauge("g4", "", "Help.");
	read_text();
	assert_has("\ng4 0\n");
}

static void test_large_counters_keep_every_digit(void **state)
{
	metrics_add(metrics_counter("c4_total", NULL, "Help."), 123456789012345);
	read_text();
	assert_has("c4_total 123456789012345\n");
}

static double doubled(void *arg)
{
	return *(double *)arg * 2;
}

static void test_a_read_gauge_is_computed_when_it_is_read(void **state)
{
	static double value = 1;

	metrics_gauge_read("g5", "a=\"b\"", "Help.", doubled, &value);
	value = 21;
	read_text();
	assert_has("# TYPE g5 gauge\ng5{a=\"b\"} 42\n");
}

static void test_a_read_series_named_total_is_a_counter(void **state)
{
	static double value = 1;

	metrics_gauge_read("c5_total", NULL, "Help.", doubled, &value);
	read_text();
	assert_has("# TYPE c5_total counter\nc5_total 2\n");
}

static void test_a_histogram_has_cumulative_buckets_with_their_bounds_sum_and_count(void **state)
{
	struct metric *histogram = metrics_histogram("h1_seconds", NULL, "Help.");

	metrics_observe(histogram, 0.0005);
	metrics_observe(histogram, 0.75);
	metrics_observe(histogram, 11);
	read_text();
	assert_has("# TYPE h1_seconds histogram\n"
		   "h1_seconds_bucket{le=\"0.001\"} 1\n"
		   "h1_seconds_bucket{le=\"0.0025\"} 1\n"
		   "h1_seconds_bucket{le=\"0.005\"} 1\n"
		   "h1_seconds_bucket{le=\"0.01\"} 1\n"
		   "h1_seconds_bucket{le=\"0.025\"} 1\n"
		   "h1_seconds_bucket{le=\"0.05\"} 1\n"
		   "h1_seconds_bucket{le=\"0.1\"} 1\n"
		   "h1_seconds_bucket{le=\"0.25\"} 1\n"
		   "h1_seconds_bucket{le=\"0.5\"} 1\n"
		   "h1_seconds_bucket{le=\"1\"} 2\n"
		   "h1_seconds_bucket{le=\"2.5\"} 2\n"
		   "h1_seconds_bucket{le=\"5\"} 2\n"
		   "h1_seconds_bucket{le=\"10\"} 2\n"
		   "h1_seconds_bucket{le=\"+Inf\"} 3\n"
		   "h1_seconds_sum 11.7505\n"
		   "h1_seconds_count 3\n");
}

static void test_an_observation_at_a_bound_counts_below_it(void **state)
{
	metrics_observe(metrics_histogram("h2_seconds", NULL, "Help."), 0.25);
	read_text();
	assert_has("h2_seconds_bucket{le=\"0.1\"} 0\nh2_seconds_bucket{le=\"0.25\"} 1\n");
}

static void test_the_bound_of_a_bucket_follows_the_labels_of_its_series(void **state)
{
	metrics_histogram("h3_seconds", "route=\"/a\"", "Help.");
	read_text();
	assert_has("h3_seconds_bucket{route=\"/a\",le=\"0.001\"} 0\n");
	assert_has("h3_seconds_sum{route=\"/a\"} 0\nh3_seconds_count{route=\"/a\"} 0\n");
}

static void test_the_value_of_a_histogram_is_its_number_of_observations(void **state)
{
	struct metric *histogram = metrics_histogram("h4_seconds", NULL, "Help.");

	metrics_observe(histogram, 1);
	metrics_observe(histogram, 100);
	assert_true(metrics_value(histogram) == 2);
}

static void test_quotes_backslashes_and_line_ends_of_a_label_are_escaped(void **state)
{
	metrics_label(&text, "path", "a\"b\\c\nd");
	assert_string_equal(text.bytes, "path=\"a\\\"b\\\\c\\nd\"");
}

static void test_an_empty_label_is_two_quotes(void **state)
{
	metrics_label(&text, "path", "");
	assert_string_equal(text.bytes, "path=\"\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_counter_begins_at_zero_and_adds_up, drop),
		cmocka_unit_test_teardown(test_a_gauge_takes_the_last_value_and_may_be_added_to, drop),
		cmocka_unit_test_teardown(test_a_family_has_its_help_and_its_type_before_its_sample, drop),
		cmocka_unit_test_teardown(test_series_of_one_family_stand_together_under_one_head, drop),
		cmocka_unit_test_teardown(test_labels_are_copied, drop),
		cmocka_unit_test_teardown(test_empty_labels_are_left_out, drop),
		cmocka_unit_test_teardown(test_large_counters_keep_every_digit, drop),
		cmocka_unit_test_teardown(test_a_read_gauge_is_computed_when_it_is_read, drop),
		cmocka_unit_test_teardown(test_a_read_series_named_total_is_a_counter, drop),
		cmocka_unit_test_teardown(test_a_histogram_has_cumulative_buckets_with_their_bounds_sum_and_count, drop),
		cmocka_unit_test_teardown(test_an_observation_at_a_bound_counts_below_it, drop),
		cmocka_unit_test_teardown(test_the_bound_of_a_bucket_follows_the_labels_of_its_series, drop),
		cmocka_unit_test_teardown(test_the_value_of_a_histogram_is_its_number_of_observations, drop),
		cmocka_unit_test_teardown(test_quotes_backslashes_and_line_ends_of_a_label_are_escaped, drop),
		cmocka_unit_test_teardown(test_an_empty_label_is_two_quotes, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The requests of routes: rates and times of about the last minute, from totals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "near.h"
#include "record/requests.h"

static struct request_rates rates;
static struct request_counts before, now;
static int64_t now_us;

static int set_up(void **state)
{
	rates = (struct request_rates){0};
	before = now = (struct request_counts){0};
	now_us = 1000000;
	return 0;
}

/* So many more since the last report, each within 25 ms; errors of them are errors. */
static void report(double requests, double errors)
{
	struct route_counts *route = requests_route(&now, "GET", "/users");

	now_us += 2000000;
	route->requests += requests;
	route->errors += errors;
	route->all += requests;
	for (int bound = requests_bound("0.025"); bound < REQUESTS_BOUNDS; bound++)
		route->at_most[bound] += requests;
	requests_add(&rates, &before, &now, now_us);
}

static void test_a_first_report_only_begins(void **state)
{
	report(1000000, 5);
	assert_int_equal(rates.sums.count, 0);
}

static void test_a_steady_rate_is_reported_as_it_is_from_the_second_report_on(void **state)
{
	report(1000, 0);
	for (int i = 0; i < 100; i++) {
		struct route_rate rate;

		report(20, 2);
		rate = requests_rate(&rates, 0, now_us);
		assert_string_equal(rate.method, "GET");
		assert_string_equal(rate.path, "/users");
		assert_near(rate.per_s, 10, 0.4);
		assert_near(rate.errors_per_s, 1, 0.04);
	}
}

static void test_what_was_a_while_ago_fades(void **state)
{
	report(0, 0);
	report(20, 0);
	assert_near(requests_rate(&rates, 0, now_us).per_s, 10, 1e-6);
	assert_true(requests_rate(&rates, 0, now_us + 60000000).per_s < 1);
	assert_true(requests_rate(&rates, 0, now_us + 600000000).per_s < 0.001);
}

static void test_a_rate_after_an_hour_without_reports_is_that_of_the_last_minute(void **state)
{
	report(1000, 0);
	report(20, 0);
	now_us += 3600000000;
	for (int i = 0; i < 31; i++)
		report(20, 0);
	assert_in_range(requests_rate(&rates, 0, now_us).per_s, 4, 10);
}

static void test_what_an_instance_answered_while_it_could_not_be_asked_is_not_of_the_last_minute(void **state)
{
	report(1000, 0);
	now_us += 3600000000;
	report(36000, 0);
	assert_int_equal(rates.sums.count, 0);
	report(20, 0);
	assert_near(rates.sums.routes[0].requests, 20, 1e-6);
}

static void test_totals_of_a_replaced_process_begin_anew(void **state)
{
	report(1000, 10);
	report(20, 0);
	now = (struct request_counts){0};
	report(3, 0);
	assert_true(requests_rate(&rates, 0, now_us).per_s > 0);
	assert_near(rates.sums.routes[0].requests, 20 * exp(-2.0 / 60), 1e-6); /* the 3 are not counted, nor are they -997 */
}

static void test_quantiles_are_within_the_bucket_that_has_them(void **state)
{
	struct route_rate rate;

	report(1, 0);
	report(100, 0);
	rate = requests_rate(&rates, 0, now_us);
	assert_near(rate.p50_ms, 17.5, 1e-6); /* between 10 and 25 ms */
	assert_near(rate.p99_ms, 24.85, 1e-6);
}

static void test_times_beyond_the_largest_bound_are_reported_as_it(void **state)
{
	report(1, 0);
	report(1, 0);
	now.routes[0].all += 1000;
	now_us += 2000000;
	requests_add(&rates, &before, &now, now_us);
	assert_near(requests_rate(&rates, 0, now_us).p99_ms, 10000, 1e-6);
}

static void test_without_measured_times_quantiles_are_not_known(void **state)
{
	report(0, 0);
	report(0, 0);
	assert_true(requests_rate(&rates, 0, now_us).p50_ms < 0);
}

static void test_no_more_routes_are_kept_than_there_is_room_for(void **state)
{
	char path[80];

	for (int i = 0; i < REQUESTS_ROUTES_MAX; i++) {
		snprintf(path, sizeof path, "/%d", i);
		assert_non_null(requests_route(&now, "GET", path));
	}
	assert_null(requests_route(&now, "GET", "/one-more"));
	assert_non_null(requests_route(&now, "GET", "/0"));
	assert_int_equal(now.count, REQUESTS_ROUTES_MAX);
}

static void test_names_that_do_not_fit_are_left_out(void **state)
{
	char path[ROUTE_PATH_BYTES + 1] = "";

	memset(path, 'a', ROUTE_PATH_BYTES);
	assert_null(requests_route(&now, "GET", path));
	assert_null(requests_route(&now, "TOO-LONG", "/"));
}

static void test_bounds_are_those_of_our_histograms(void **state)
{
	assert_int_equal(requests_bound("0.001"), 0);
	assert_int_equal(requests_bound("10"), REQUESTS_BOUNDS - 1);
	assert_int_equal(requests_bound("3"), -1);
	assert_int_equal(requests_bound("+Inf"), -1);
}

/* ---- routes that are gone ---- */

static void report_of(const char *path)
{
	struct route_counts *route = requests_route(&now, "GET", path);

	requests_add(&rates, &before, &now, ++now_us);
	route->requests += 1;
	requests_add(&rates, &before, &now, ++now_us);
	now = before = (struct request_counts){0};
	requests_route(&now, "GET", "/never-asked");
	requests_add(&rates, &before, &now, now_us);
}

static void fill_all_places(void)
{
	char path[80];

	for (int i = 0; i < REQUESTS_ROUTES_MAX; i++) {
		snprintf(path, sizeof path, "/%d", i);
		report_of(path);
	}
	assert_int_equal(rates.sums.count, REQUESTS_ROUTES_MAX);
}

static void test_a_route_that_was_never_asked_has_no_place(void **state)
{
	report_of("/users");
	assert_int_equal(rates.sums.count, 1);
	assert_int_equal(requests_find(&rates, "GET", "/never-asked"), -1);
}

static void test_a_route_that_was_not_asked_for_a_day_is_forgotten(void **state)
{
	report_of("/old");
	now_us += INT64_C(43200000000);
	report_of("/new");
	assert_int_equal(rates.sums.count, 2);
	now_us += INT64_C(43200000000);
	report_of("/newer");
	assert_int_equal(requests_find(&rates, "GET", "/old"), -1);
	assert_true(requests_find(&rates, "GET", "/new") >= 0 && requests_find(&rates, "GET", "/newer") >= 0);
	assert_int_equal(rates.sums.count, 2);
}

static void test_a_new_route_takes_the_place_of_the_one_that_was_not_asked_for_longest(void **state)
{
	fill_all_places();
	now_us += 600000000;
	report_of("/0");
	report_of("/one-more");
	assert_int_equal(rates.sums.count, REQUESTS_ROUTES_MAX);
	assert_int_equal(requests_find(&rates, "GET", "/1"), -1);
	assert_true(requests_find(&rates, "GET", "/0") >= 0 && requests_find(&rates, "GET", "/one-more") >= 0);
}

static void test_routes_that_are_asked_keep_their_places(void **state)
{
	fill_all_places();
	report_of("/one-more");
	assert_int_equal(requests_find(&rates, "GET", "/one-more"), -1);
	assert_true(requests_find(&rates, "GET", "/1") >= 0);
}

/* ---- over time ---- */

static struct history history;
static struct recording recording;
static struct series_point points[HISTORY_POINTS_MAX];

static int set_up_recording(void **state)
{
	set_up(state);
	history_init(&history, 2000);
	recording = (struct recording){&history, 2};
	rates.recording = &recording;
	return 0;
}

static int tear_down_recording(void **state)
{
	requests_free(&rates);
	return 0;
}

static size_t record(void)
{
	history_begin_round(&history, now_us / 1000);
	requests_record(&rates, now_us);
	return rates.series[0] ? series_points(&history, rates.series[0], 10, now_us / 1000, points, HISTORY_POINTS_MAX) : 0;
}

static void test_the_rate_and_times_of_a_route_are_recorded_in_each_round(void **state)
{
	size_t count = 0;

	report(0, 0);
	for (int i = 0; i < 5; i++) {
		report(20, 2);
		count = record();
	}
	assert_int_equal(count, 5);
	assert_near(points[4].figures.of[ROUTE_PER_S], 10, 0.4);
	assert_near(points[4].figures.of[ROUTE_ERRORS_PER_S], 1, 0.04);
	assert_near(points[4].figures.of[ROUTE_P50_MS], 17.5, 0.01);
	assert_near(points[4].figures.of[ROUTE_P99_MS], 24.85, 0.01);
}

static void test_a_route_that_is_not_asked_has_a_rate_of_0_and_no_times(void **state)
{
	report(0, 0);
	report(20, 0);
	now_us += 1200000000;
	assert_int_equal(record(), 1);
	assert_near(points[0].figures.of[ROUTE_PER_S], 0, 0);
	assert_true(points[0].figures.of[ROUTE_P99_MS] < 0);
}

static void test_no_more_routes_are_recorded_than_there_are_places_and_one_that_is_forgotten_gives_its_place_back(void **state)
{
	report_of("/a");
	report_of("/b");
	report_of("/c");
	record();
	assert_int_equal(recording.places, 0);
	assert_non_null(rates.series[0]);
	assert_non_null(rates.series[1]);
	assert_null(rates.series[2]);
	now_us += INT64_C(86400000001);
	report_of("/d");
	assert_int_equal(recording.places, 2);
	record();
	assert_int_equal(recording.places, 1);
	assert_non_null(rates.series[requests_find(&rates, "GET", "/d")]);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)
#define RECORDING_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_recording, tear_down_recording)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_first_report_only_begins),
		TEST(test_a_steady_rate_is_reported_as_it_is_from_the_second_report_on),
		TEST(test_what_was_a_while_ago_fades),
		TEST(test_a_rate_after_an_hour_without_reports_is_that_of_the_last_minute),
		TEST(test_what_an_instance_answered_while_it_could_not_be_asked_is_not_of_the_last_minute),
		TEST(test_totals_of_a_replaced_process_begin_anew),
		TEST(test_quantiles_are_within_the_bucket_that_has_them),
		TEST(test_times_beyond_the_largest_bound_are_reported_as_it),
		TEST(test_without_measured_times_quantiles_are_not_known),
		TEST(test_no_more_routes_are_kept_than_there_is_room_for),
		TEST(test_names_that_do_not_fit_are_left_out),
		TEST(test_bounds_are_those_of_our_histograms),
		TEST(test_a_route_that_was_never_asked_has_no_place),
		TEST(test_a_route_that_was_not_asked_for_a_day_is_forgotten),
		TEST(test_a_new_route_takes_the_place_of_the_one_that_was_not_asked_for_longest),
		TEST(test_routes_that_are_asked_keep_their_places),
		RECORDING_TEST(test_the_rate_and_times_of_a_route_are_recorded_in_each_round),
		RECORDING_TEST(test_a_route_that_is_not_asked_has_a_rate_of_0_and_no_times),
		RECORDING_TEST(
			test_no_more_routes_are_recorded_than_there_are_places_and_one_that_is_forgotten_gives_its_place_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#define TEST(test) cmocka_unit_test_setup(test, set_up)

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

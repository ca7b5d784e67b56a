/* Figures over time: of the hour's rounds, and of the day's bins. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "near.h"
#include "record/series.h"

#define INTERVAL_MS 2000
#define BIN_MS (DAY_BIN_S * 1000)
#define BIN_ROUNDS (BIN_MS / INTERVAL_MS)
#define BEGINNING_MS (1700000000000 / BIN_MS * BIN_MS) /* of a bin */

static struct history history;
static struct figures *series;
static struct series_point points[HISTORY_ROUNDS_MAX + 1];
static int64_t now_ms;

static int set_up(void **state)
{
	history_init(&history, INTERVAL_MS);
	series = series_new(&history);
	now_ms = BEGINNING_MS - INTERVAL_MS;
	return 0;
}

static int tear_down(void **state)
{
	free(series);
	return 0;
}

static void begin_round(void)
{
	now_ms += INTERVAL_MS;
	if (history_is_bin_over(&history, now_ms))
		series_end_bin(&history, series, now_ms);
	history_begin_round(&history, now_ms);
	series_forget(&history, series);
}

static void add_round(float first, float second)
{
	begin_round();
	series_set(&history, series, (struct figures){{first, second, -1, -1}});
}

static void add_rounds(int count, float first)
{
	for (int i = 0; i < count; i++)
		add_round(first, -1);
}

/* With HISTORY_POINTS_MAX each point is of five rounds, and with EACH_ROUND of one. */
#define EACH_ROUND (HISTORY_ROUNDS_MAX + 1)
static size_t read_hour(size_t points_max)
{
	return series_points(&history, series, HISTORY_MINUTES, now_ms, points, points_max);
}

static size_t read_day(void)
{
	return series_day_points(&history, series, DAY_MINUTES, now_ms, points, HISTORY_POINTS_MAX);
}

static void test_a_new_series_has_no_points(void **state)
{
	assert_int_equal(read_hour(EACH_ROUND), 0);
	assert_int_equal(read_day(), 0);
}

static void test_each_figure_of_a_round_is_kept(void **state)
{
	add_round(7, 0);
	assert_int_equal(read_hour(EACH_ROUND), 1);
	assert_int_equal(points[0].at_ms, now_ms);
	assert_near(points[0].figures.of[0], 7, 0);
	assert_near(points[0].figures.of[1], 0, 0);
	assert_true(points[0].figures.of[2] < 0 && points[0].figures.of[3] < 0);
}

static void test_a_round_in_which_nothing_was_known_has_no_point(void **state)
{
	add_round(7, 1);
	begin_round();
	add_round(9, 1);
	assert_int_equal(read_hour(EACH_ROUND), 2);
	assert_int_equal(points[1].at_ms - points[0].at_ms, 2 * INTERVAL_MS);
}

static void test_an_hour_later_a_round_in_which_nothing_was_known_is_not_that_of_an_hour_ago(void **state)
{
	history_init(&history, 60000);
	add_rounds(60, 7);
	assert_int_equal(read_hour(EACH_ROUND), 60);
	begin_round();
	assert_int_equal(read_hour(EACH_ROUND), 59);
}

static void test_a_point_has_the_mean_of_those_of_its_rounds_in_which_a_figure_was_known(void **state)
{
	add_rounds(4, 1); /* the first whole step is rounds 5 to 9 */
	add_round(10, 1);
	add_round(20, -1);
	begin_round();
	add_round(-1, 3);
	add_round(30, -1);
	assert_int_equal(read_hour(HISTORY_POINTS_MAX), 2);
	assert_near(points[1].figures.of[0], 20, 1e-5);
	assert_near(points[1].figures.of[1], 2, 1e-5);
}

static void test_the_day_has_a_point_for_each_bin_and_one_for_the_current_one(void **state)
{
	add_rounds(BIN_ROUNDS, 4);
	add_rounds(BIN_ROUNDS, 6);
	add_round(9, -1);
	assert_int_equal(read_day(), 3);
	assert_near(points[0].figures.of[0], 4, 1e-5);
	assert_near(points[1].figures.of[0], 6, 1e-5);
	assert_near(points[2].figures.of[0], 9, 1e-5);
	assert_int_equal(points[0].at_ms, BEGINNING_MS);
	assert_int_equal(points[2].at_ms, BEGINNING_MS + 2 * BIN_MS);
}

static void test_the_day_outlives_the_hour_and_is_bounded(void **state)
{
	add_rounds(400 * BIN_ROUNDS, 5);
	assert_int_equal(read_day(), DAY_BINS);
	assert_near(points[0].figures.of[0], 5, 1e-5);
}

static void test_bins_in_which_the_machine_was_suspended_are_left_out(void **state)
{
	add_rounds(BIN_ROUNDS, 5);
	now_ms += 5 * BIN_MS;
	add_round(6, -1);
	assert_int_equal(read_day(), 2);
	assert_int_equal(points[1].at_ms - points[0].at_ms, 6 * BIN_MS);
}

static void test_after_the_clock_was_set_back_no_point_is_of_times_to_come(void **state)
{
	add_rounds(3 * BIN_ROUNDS, 5);
	now_ms -= 100 * (int64_t)BIN_MS;
	add_round(6, -1);
	assert_int_equal(read_day(), 1);
	assert_true(points[0].at_ms <= now_ms);
}

static void test_after_the_clock_was_set_back_the_hour_has_no_more_points_and_none_of_times_to_come(void **state)
{
	add_rounds(1800, 5);
	now_ms -= 3600000;
	assert_int_equal(series_points(&history, series, 7, now_ms, points, HISTORY_POINTS_MAX), 0);
	add_rounds(3, 6);
	assert_int_equal(series_points(&history, series, 7, now_ms, points, HISTORY_POINTS_MAX), 3);
	assert_int_equal(points[0].at_ms, now_ms - 2 * INTERVAL_MS);
}

static void test_no_more_points_of_the_day_are_written_than_fit(void **state)
{
	add_rounds(3 * BIN_ROUNDS, 5);
	points[2].at_ms = -1;
	assert_int_equal(series_day_points(&history, series, DAY_MINUTES, now_ms, points, 2), 2);
	assert_int_equal(points[2].at_ms, -1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_new_series_has_no_points),
		TEST(test_each_figure_of_a_round_is_kept),
		TEST(test_a_round_in_which_nothing_was_known_has_no_point),
		TEST(test_an_hour_later_a_round_in_which_nothing_was_known_is_not_that_of_an_hour_ago),
		TEST(test_a_point_has_the_mean_of_those_of_its_rounds_in_which_a_figure_was_known),
		TEST(test_the_day_has_a_point_for_each_bin_and_one_for_the_current_one),
		TEST(test_the_day_outlives_the_hour_and_is_bounded),
		TEST(test_bins_in_which_the_machine_was_suspended_are_left_out),
		TEST(test_after_the_clock_was_set_back_no_point_is_of_times_to_come),
		TEST(test_after_the_clock_was_set_back_the_hour_has_no_more_points_and_none_of_times_to_come),
		TEST(test_no_more_points_of_the_day_are_written_than_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

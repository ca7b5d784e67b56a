/* The ring of samples, and the points made from it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "near.h"
#include "record/history.h"

#define INTERVAL_MS 2000
#define START_MS 1700000000000

static struct history history;
static struct sample *samples;
static struct history_point points[HISTORY_POINTS_MAX];
static int64_t now_ms;

static int set_up(void **state)
{
	history_init(&history, INTERVAL_MS);
	samples = history_samples_new(&history);
	now_ms = START_MS;
	return 0;
}

static int tear_down(void **state)
{
	free(samples);
	return 0;
}

static void add_round(struct sample sample)
{
	now_ms += INTERVAL_MS;
	if (history_is_bin_over(&history, now_ms))
		history_end_bin(&history, samples, now_ms);
	history_begin_round(&history, now_ms);
	samples[history.round % history.rounds_max] = sample;
}

static void add_rounds(size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_round(history_sample(HEALTH_UP, 4096, 1, 2));
}

static size_t read_points(int minutes, size_t points_max)
{
	return history_points(&history, samples, minutes, now_ms, points, points_max);
}

static void test_it_holds_an_hour_of_rounds_and_no_more_than_1800(void **state)
{
	assert_int_equal(history.rounds_max, 1800);
	history_init(&history, 60000);
	assert_int_equal(history.rounds_max, 60);
	history_init(&history, 10);
	assert_int_equal(history.rounds_max, 1800);
}

static void test_a_new_history_has_no_points(void **state)
{
	assert_int_equal(read_points(60, 450), 0);
}

static void test_a_sample_keeps_its_figures(void **state)
{
	add_round(history_sample(HEALTH_DEGRADED, 12345 * 1024.0, 12.3, 45.6));
	assert_int_equal(read_points(15, 450), 1);
	assert_int_equal(points[0].at_ms, START_MS + INTERVAL_MS);
	assert_int_equal(points[0].health, HEALTH_DEGRADED);
	assert_near(points[0].memory_bytes, 12345 * 1024.0, 0);
	assert_near(points[0].cpu_percent, 12.3, 1e-9);
	assert_near(points[0].response_ms, 45.6, 1e-9);
}

static void test_what_is_not_known_stays_unknown(void **state)
{
	add_round(history_sample(HEALTH_DOWN, 4096, 1, 1));
	add_round(history_sample(HEALTH_DEGRADED, -1, -1, 7));
	assert_int_equal(read_points(15, 450), 2);
	assert_true(points[0].memory_bytes < 0 && points[0].cpu_percent < 0 && points[0].response_ms < 0);
	assert_true(points[1].memory_bytes < 0 && points[1].cpu_percent < 0);
	assert_near(points[1].response_ms, 7, 1e-9);
}

static void test_figures_too_large_for_a_sample_become_its_maximum(void **state)
{
	add_round(history_sample(HEALTH_UP, 1e18, 1e9, 1e9));
	assert_int_equal(read_points(15, 450), 1);
	assert_near(points[0].memory_bytes, ((1u << 30) - 1) * 1024.0, 0);
	assert_near(points[0].cpu_percent, 6553.5, 1e-9);
	assert_near(points[0].response_ms, 6553.5, 1e-9);
}

static void test_rounds_in_which_the_instance_was_not_asked_are_skipped(void **state)
{
	add_rounds(2);
	add_round((struct sample){0});
	add_rounds(1);
	assert_int_equal(read_points(15, 450), 3);
	assert_int_equal(points[2].at_ms - points[1].at_ms, 2 * INTERVAL_MS);
}

static void test_only_points_of_the_requested_minutes_are_returned(void **state)
{
	add_rounds(200);
	assert_int_equal(read_points(1, 450), 31); /* both ends */
	assert_int_equal(points[30].at_ms, now_ms);
	assert_int_equal(points[0].at_ms, now_ms - 60000);
}

static void test_the_ring_keeps_the_last_hour(void **state)
{
	add_rounds(5000);
	assert_int_equal(history_step(&history, 60, 450), 5);
	assert_true(read_points(60, 450) >= 360 && read_points(60, 450) <= 361);
	assert_true(now_ms - points[0].at_ms <= 3600000);
}

static void test_there_are_never_more_points_than_requested(void **state)
{
	for (size_t rounds = 1; rounds < 4000; rounds += 37) {
		add_rounds(37);
		for (int minutes = 1; minutes <= 60; minutes += 7)
			for (size_t most = 30; most <= 450; most += 60)
				assert_true(read_points(minutes, most) <= most);
	}
}

static void test_after_the_clock_was_set_back_the_hour_has_no_more_points_and_none_of_times_to_come(void **state)
{
	add_rounds(1800);
	now_ms -= 3600000;
	for (int minutes = 1; minutes <= 60; minutes += 6)
		assert_int_equal(read_points(minutes, 450), 0);
	add_rounds(3);
	assert_int_equal(read_points(7, 450), 3);
	assert_int_equal(points[0].at_ms, now_ms - 2 * INTERVAL_MS);
}

static void test_rounds_that_a_slow_clock_crowds_together_make_no_more_points(void **state)
{
	for (int round = 0; round < 1800; round++) {
		now_ms -= INTERVAL_MS - 1;
		add_rounds(1);
	}
	assert_int_equal(read_points(7, 450), 211);
}

static void test_a_point_of_several_rounds_has_their_worst_health_and_mean_figures(void **state)
{
	add_rounds(4); /* the first whole step is rounds 5 to 9 */
	add_round(history_sample(HEALTH_UP, 4096, 10, 1));
	add_round(history_sample(HEALTH_UP, 8192, 20, 2));
	add_round(history_sample(HEALTH_DOWN, 0, 0, 0));
	add_round(history_sample(HEALTH_DEGRADED, -1, -1, 3));
	add_round((struct sample){0});
	assert_int_equal(history_step(&history, 60, 450), 5);
	assert_int_equal(read_points(60, 450), 2);
	assert_int_equal(points[1].health, HEALTH_DOWN);
	assert_near(points[1].memory_bytes, 6144, 0);
	assert_near(points[1].cpu_percent, 15, 1e-9);
	assert_near(points[1].response_ms, 2, 1e-9);
}

static void test_later_rounds_do_not_change_earlier_points(void **state)
{
	int64_t at_ms;

	add_rounds(1000);
	read_points(60, 450);
	at_ms = points[100].at_ms;
	add_rounds(1);
	read_points(60, 450);
	assert_int_equal(points[100].at_ms, at_ms);
}

/* ---- the day ---- */

#define BIN_MS (DAY_BIN_S * 1000)
#define BIN_ROUNDS (BIN_MS / INTERVAL_MS)

static size_t read_day(int minutes)
{
	return history_day_points(&history, samples, minutes, now_ms, points, HISTORY_POINTS_MAX);
}

/* So that the next round is the first of a bin. */
static void go_to_the_end_of_a_bin(void)
{
	now_ms = (START_MS / BIN_MS + 1) * BIN_MS - INTERVAL_MS;
}

static void test_the_current_bin_is_a_point_before_it_is_over(void **state)
{
	add_round(history_sample(HEALTH_UP, 4096, 1, 2));
	assert_int_equal(read_day(DAY_MINUTES), 1);
	assert_near(points[0].memory_bytes, 4096, 0);
	assert_int_equal(points[0].at_ms % BIN_MS, 0);
}

static void test_a_bin_keeps_the_means_of_its_rounds_and_their_worst_health(void **state)
{
	go_to_the_end_of_a_bin();
	add_round(history_sample(HEALTH_UP, 4096, 10, 1));
	add_round(history_sample(HEALTH_DOWN, 0, 0, 0));
	add_round(history_sample(HEALTH_UP, 8192, 20, 3));
	add_rounds(2 * BIN_ROUNDS);
	assert_int_equal(read_day(DAY_MINUTES), 3);
	assert_int_equal(points[0].health, HEALTH_DOWN);
	assert_near(points[0].cpu_percent, 1.2, 1e-9); /* of 10, 20, and 117 times 1 */
	assert_int_equal(points[1].health, HEALTH_UP);
	assert_near(points[1].memory_bytes, 4096, 0);
	assert_near(points[1].cpu_percent, 1, 1e-9);
	assert_near(points[1].response_ms, 2, 1e-9);
	assert_int_equal(points[1].at_ms - points[0].at_ms, BIN_MS);
}

static void test_the_day_outlives_the_hour_and_is_bounded(void **state)
{
	go_to_the_end_of_a_bin();
	add_rounds(400 * BIN_ROUNDS);
	assert_int_equal(read_day(DAY_MINUTES), DAY_BINS);
	assert_int_equal(points[DAY_BINS - 1].at_ms - points[0].at_ms, (DAY_BINS - 1) * (int64_t)BIN_MS);
	assert_int_equal(read_day(120), 30);
}

static void test_bins_in_which_the_machine_was_suspended_are_left_out(void **state)
{
	go_to_the_end_of_a_bin();
	add_rounds(2 * BIN_ROUNDS);
	now_ms += 5 * BIN_MS;
	add_rounds(BIN_ROUNDS);
	assert_true(read_day(DAY_MINUTES) == 3 || read_day(DAY_MINUTES) == 4);
	assert_true(points[2].at_ms - points[1].at_ms >= 5 * (int64_t)BIN_MS);
	now_ms += 500 * (int64_t)BIN_MS;
	add_rounds(1);
	assert_int_equal(read_day(DAY_MINUTES), 1);
}

static void test_after_the_clock_was_set_back_no_point_is_of_times_to_come(void **state)
{
	add_rounds(3 * BIN_ROUNDS);
	now_ms -= 100 * (int64_t)BIN_MS;
	add_rounds(1);
	assert_int_equal(read_day(DAY_MINUTES), 1);
	assert_true(points[0].at_ms <= now_ms);
}

static void test_on_the_first_day_of_1970_no_point_is_before_it(void **state)
{
	now_ms = 0;
	add_rounds(history.rounds_max);
	assert_int_equal(read_day(DAY_MINUTES), now_ms / BIN_MS + 1);
	assert_int_equal(points[0].at_ms, 0);
}

/* The day lies behind the hour: what is written before the day's beginning would be found in the hour. */
static void test_a_clock_that_is_set_back_to_1970_empties_the_day_alone(void **state)
{
	add_rounds(history.rounds_max);
	now_ms = 0;
	add_round(history_sample(HEALTH_UP, 4096, 1, 2));
	assert_int_equal(read_day(DAY_MINUTES), 1);
	for (size_t at = 0; at < history.rounds_max; at++)
		assert_int_equal(samples[at].health, HEALTH_UP);
}

static void test_a_day_of_few_points_has_the_means_and_the_worst_health_of_several_bins(void **state)
{
	now_ms = (START_MS / (2 * BIN_MS) + 1) * 2 * BIN_MS - INTERVAL_MS; /* so that a pair of bins begins */
	for (size_t i = 0; i < BIN_ROUNDS; i++)
		add_round(history_sample(HEALTH_UP, 4096, 10, 1));
	for (size_t i = 0; i < BIN_ROUNDS; i++)
		add_round(history_sample(i ? HEALTH_UP : HEALTH_DOWN, 8192, 20, 3));
	add_round(history_sample(HEALTH_UP, 4096, 10, 1));
	assert_int_equal(history_day_step(DAY_MINUTES, DAY_BINS / 2 + 1), 2);
	assert_int_equal(history_day_points(&history, samples, DAY_MINUTES, now_ms, points, DAY_BINS / 2 + 1), 2);
	assert_int_equal(points[0].health, HEALTH_DOWN);
	assert_near(points[0].memory_bytes, 6144, 0);
	assert_near(points[0].cpu_percent, 15, 1e-9);
	assert_near(points[0].response_ms, 2, 1e-9);
	/* The last bin of each, of which the second has one so far. */
	assert_int_equal(points[1].at_ms - points[0].at_ms, BIN_MS);
}

static void test_no_more_points_of_the_day_are_written_than_fit(void **state)
{
	static const size_t most[] = {2, 35, DAY_BINS};

	add_rounds(400 * BIN_ROUNDS);
	for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
		size_t count;

		points[most[i]].at_ms = -1;
		count = history_day_points(&history, samples, DAY_MINUTES, now_ms, points, most[i]);
		assert_in_range(count, most[i] / 2, most[i]);
		assert_int_equal(points[most[i]].at_ms, -1);
		assert_true(now_ms - points[count - 1].at_ms <= BIN_MS);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_it_holds_an_hour_of_rounds_and_no_more_than_1800),
		TEST(test_a_new_history_has_no_points),
		TEST(test_a_sample_keeps_its_figures),
		TEST(test_what_is_not_known_stays_unknown),
		TEST(test_figures_too_large_for_a_sample_become_its_maximum),
		TEST(test_rounds_in_which_the_instance_was_not_asked_are_skipped),
		TEST(test_only_points_of_the_requested_minutes_are_returned),
		TEST(test_the_ring_keeps_the_last_hour),
		TEST(test_there_are_never_more_points_than_requested),
		TEST(test_after_the_clock_was_set_back_the_hour_has_no_more_points_and_none_of_times_to_come),
		TEST(test_rounds_that_a_slow_clock_crowds_together_make_no_more_points),
		TEST(test_a_point_of_several_rounds_has_their_worst_health_and_mean_figures),
		TEST(test_later_rounds_do_not_change_earlier_points),
		TEST(test_the_current_bin_is_a_point_before_it_is_over),
		TEST(test_a_bin_keeps_the_means_of_its_rounds_and_their_worst_health),
		TEST(test_the_day_outlives_the_hour_and_is_bounded),
		TEST(test_bins_in_which_the_machine_was_suspended_are_left_out),
		TEST(test_after_the_clock_was_set_back_no_point_is_of_times_to_come),
		TEST(test_on_the_first_day_of_1970_no_point_is_before_it),
		TEST(test_a_clock_that_is_set_back_to_1970_empties_the_day_alone),
		TEST(test_a_day_of_few_points_has_the_means_and_the_worst_health_of_several_bins),
		TEST(test_no_more_points_of_the_day_are_written_than_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

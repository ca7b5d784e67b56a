/* The event loop: work deferred to the end of a turn, timers, and the delays between attempts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/wait_for.h"

static struct event_base *base;
static unsigned runs;
static struct loop_deferred *deferred;

static void count(void *arg)
{
	runs++;
}

static void schedule_again_once(void *arg)
{
	if (++runs == 1)
		loop_deferred_schedule(deferred);
}

static int open_base(void **state)
{
	base = loop_new();
	deferred = loop_deferred_new(base, count, NULL);
	runs = 0;
	return 0;
}

static int close_base(void **state)
{
	loop_deferred_free(deferred);
	event_base_free(base);
	return 0;
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void test_the_loop_has_two_priorities(void **state)
{
	assert_int_equal(event_base_get_npriorities(base), LOOP_PRIORITIES);
}

static void test_the_loop_waits_with_epoll(void **state)
{
	assert_string_equal(event_base_get_method(base), "epoll (with changelist)");
}

static void test_deferred_work_that_is_not_scheduled_does_not_run(void **state)
{
	turn();
	assert_int_equal(runs, 0);
}

static void test_deferred_work_does_not_run_before_the_loop_does(void **state)
{
	loop_deferred_schedule(deferred);
	assert_int_equal(runs, 0);
	turn();
	assert_int_equal(runs, 1);
}

static void test_work_that_is_scheduled_often_runs_once(void **state)
{
	for (int i = 0; i < 100; i++)
		loop_deferred_schedule(deferred);
	turn();
	turn();
	assert_int_equal(runs, 1);
}

static void test_deferred_work_can_be_scheduled_again_after_it_has_run(void **state)
{
	loop_deferred_schedule(deferred);
	turn();
	loop_deferred_schedule(deferred);
	turn();
	assert_int_equal(runs, 2);
}

static void test_deferred_work_can_schedule_itself_again(void **state)
{
	loop_deferred_free(deferred);
	deferred = loop_deferred_new(base, schedule_again_once, NULL);
	loop_deferred_schedule(deferred);
	turn();
	turn();
	assert_int_equal(runs, 2);
}

static void test_freed_work_does_not_run_although_it_was_scheduled(void **state)
{
	loop_deferred_schedule(deferred);
	loop_deferred_free(deferred);
	deferred = NULL;
	turn();
	assert_int_equal(runs, 0);
}

static void test_freeing_null_work_does_nothing(void **state)
{
	loop_deferred_free(NULL);
	turn();
	assert_int_equal(runs, 0);
}

static void schedule_it(evutil_socket_t fd, short what, void *arg)
{
	assert_int_equal(runs, 0);
	loop_deferred_schedule(deferred);
}

static void note_runs(evutil_socket_t fd, short what, void *arg)
{
	*(unsigned *)arg = runs;
}

static void test_deferred_work_runs_after_everything_else_of_its_turn(void **state)
{
	unsigned seen = 99;
	struct event *first = event_new(base, -1, 0, schedule_it, NULL), *second = event_new(base, -1, 0, note_runs, &seen);

	event_active(first, EV_TIMEOUT, 0);
	event_active(second, EV_TIMEOUT, 0);
	turn();
	assert_int_equal(seen, 0);
	assert_int_equal(runs, 1);
	event_free(first);
	event_free(second);
}

static void set_to_one(void *arg)
{
	*(unsigned *)arg = 1;
}

static void test_deferred_work_gets_its_argument(void **state)
{
	unsigned given = 0;

	loop_deferred_free(deferred);
	deferred = loop_deferred_new(base, set_to_one, &given);
	loop_deferred_schedule(deferred);
	turn();
	assert_int_equal(given, 1);
}

/* ---- timers ---- */

static struct loop_timer *timer;
static unsigned timer_runs;

static void count_run(void *arg)
{
	timer_runs++;
}

static void restart(void *arg)
{
	if (++timer_runs < 3)
		loop_timer_start(timer, 1);
}

static void stop_at_the_third_run(void *arg)
{
	if (++timer_runs == 3)
		loop_timer_stop(timer);
}

static void become_single(void *arg)
{
	if (++timer_runs == 1)
		loop_timer_start(timer, 1);
}

static void free_itself(void *arg)
{
	timer_runs++;
	loop_timer_free(timer);
	timer = NULL;
}

static bool was_running;

static void note_whether_it_runs(void *arg)
{
	timer_runs++;
	was_running = loop_timer_is_running(timer);
}

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

static int open_timer(void **state)
{
	base = loop_new();
	timer_runs = 0;
	timer = loop_timer_new(base, count_run, NULL);
	return 0;
}

static void open_again(void (*run)(void *arg))
{
	loop_timer_free(timer);
	timer = loop_timer_new(base, run, NULL);
}

static int close_timer(void **state)
{
	loop_timer_free(timer);
	timer = NULL;
	event_base_free(base);
	return 0;
}

/* Turns the loop for that time: a timer that runs too often has done so by then. */
static void turn_for(long ms)
{
	bool is_over = false;
	struct loop_timer *end = loop_timer_new(base, set_flag, &is_over);

	loop_timer_start(end, ms);
	WAIT_FOR(is_over);
	loop_timer_free(end);
}

static void test_a_timer_rests_until_it_is_started(void **state)
{
	assert_false(loop_timer_is_running(timer));
	turn_for(5);
	assert_int_equal(timer_runs, 0);
}

static void test_a_started_timer_runs_once_after_its_time(void **state)
{
	int64_t started_us = clock_monotonic_us();

	loop_timer_start(timer, 20);
	assert_true(loop_timer_is_running(timer));
	WAIT_FOR(timer_runs == 1);
	assert_true(clock_monotonic_us() - started_us >= 19000);
	assert_false(loop_timer_is_running(timer));
	turn_for(50);
	assert_int_equal(timer_runs, 1);
}

static void test_a_timer_of_0_ms_runs_in_the_next_turn_and_not_before(void **state)
{
	loop_timer_start(timer, 0);
	assert_int_equal(timer_runs, 0);
	turn();
	assert_int_equal(timer_runs, 1);
}

static void test_a_repeating_timer_runs_again_and_again(void **state)
{
	int64_t started_us = clock_monotonic_us();

	loop_timer_repeat(timer, 5);
	WAIT_FOR(timer_runs == 4);
	assert_true(clock_monotonic_us() - started_us >= 4 * 5000 - 4000);
	assert_true(loop_timer_is_running(timer));
}

static void test_every_is_a_timer_that_repeats_from_the_start(void **state)
{
	loop_timer_free(timer);
	timer = loop_every(base, 1, count_run, NULL);
	assert_true(loop_timer_is_running(timer));
	WAIT_FOR(timer_runs == 3);
}

static void test_starting_again_replaces_the_time_before(void **state)
{
	loop_timer_start(timer, 60000);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 1);
	loop_timer_start(timer, 1);
	loop_timer_start(timer, 60000);
	turn_for(20);
	assert_int_equal(timer_runs, 1);
	assert_true(loop_timer_is_running(timer));
}

static void test_starting_a_repeating_timer_makes_it_run_once(void **state)
{
	loop_timer_repeat(timer, 1);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 1);
	turn_for(20);
	assert_int_equal(timer_runs, 1);
}

static void test_a_stopped_timer_does_not_run_and_can_be_started_again(void **state)
{
	loop_timer_start(timer, 1);
	loop_timer_stop(timer);
	assert_false(loop_timer_is_running(timer));
	turn_for(20);
	assert_int_equal(timer_runs, 0);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 1);
}

static void test_stopping_a_timer_that_rests_changes_nothing(void **state)
{
	loop_timer_stop(timer);
	loop_timer_stop(timer);
	assert_false(loop_timer_is_running(timer));
}

static void test_a_timer_can_start_itself_again_from_its_callback(void **state)
{
	open_again(restart);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 3);
	turn_for(20);
	assert_int_equal(timer_runs, 3);
}

static void test_a_repeating_timer_can_stop_itself_from_its_callback(void **state)
{
	open_again(stop_at_the_third_run);
	loop_timer_repeat(timer, 1);
	WAIT_FOR(timer_runs == 3);
	turn_for(20);
	assert_int_equal(timer_runs, 3);
}

static void test_a_repeating_timer_started_from_its_callback_runs_only_once_more(void **state)
{
	open_again(become_single);
	loop_timer_repeat(timer, 1);
	WAIT_FOR(timer_runs == 2);
	turn_for(20);
	assert_int_equal(timer_runs, 2);
}

static void test_a_timer_can_be_freed_from_its_callback(void **state)
{
	open_again(free_itself);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 1);
	open_again(free_itself);
	loop_timer_repeat(timer, 1);
	WAIT_FOR(timer_runs == 2);
	turn_for(20);
	assert_int_equal(timer_runs, 2);
}

static void test_in_its_callback_only_a_repeating_timer_is_running(void **state)
{
	open_again(note_whether_it_runs);
	loop_timer_start(timer, 1);
	WAIT_FOR(timer_runs == 1);
	assert_false(was_running);
	loop_timer_repeat(timer, 1);
	WAIT_FOR(timer_runs == 2);
	assert_true(was_running);
}

static void test_a_freed_timer_does_not_run(void **state)
{
	loop_timer_repeat(timer, 1);
	loop_timer_free(timer);
	timer = NULL;
	turn_for(20);
	assert_int_equal(timer_runs, 0);
}

static void test_freeing_a_null_timer_does_nothing(void **state)
{
	loop_timer_free(NULL);
}

/* ---- delays between attempts ---- */

static void test_delays_double_from_50_ms_to_a_second_with_a_quarter_of_jitter(void **state)
{
	static const long middles[] = {50, 100, 200, 400, 800, 1000, 1000, 1000};

	for (unsigned attempt = 0; attempt < sizeof middles / sizeof *middles; attempt++)
		for (int i = 0; i < 1000; i++)
			assert_in_range(loop_backoff_ms(attempt), middles[attempt] * 3 / 4, middles[attempt] * 5 / 4);
}

static void test_any_number_of_attempts_has_a_delay(void **state)
{
	assert_in_range(loop_backoff_ms(64), 750, 1250);
	assert_in_range(loop_backoff_ms(UINT32_MAX), 750, 1250);
}

static void test_delays_of_many_differ(void **state)
{
	long least = 1500, greatest = 0;

	for (int i = 0; i < 1000; i++) {
		long ms = loop_backoff_ms(9);

		least = ms < least ? ms : least;
		greatest = ms > greatest ? ms : greatest;
	}
	assert_true(greatest - least > 450);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_loop_has_two_priorities, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_the_loop_waits_with_epoll, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_that_is_not_scheduled_does_not_run, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_does_not_run_before_the_loop_does, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_work_that_is_scheduled_often_runs_once, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_can_be_scheduled_again_after_it_has_run, open_base,
						close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_can_schedule_itself_again, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_freed_work_does_not_run_although_it_was_scheduled, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_freeing_null_work_does_nothing, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_runs_after_everything_else_of_its_turn, open_base,
						close_base),
		cmocka_unit_test_setup_teardown(test_deferred_work_gets_its_argument, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_a_timer_rests_until_it_is_started, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_started_timer_runs_once_after_its_time, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_timer_of_0_ms_runs_in_the_next_turn_and_not_before, open_timer,
						close_timer),
		cmocka_unit_test_setup_teardown(test_a_repeating_timer_runs_again_and_again, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_every_is_a_timer_that_repeats_from_the_start, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_starting_again_replaces_the_time_before, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_starting_a_repeating_timer_makes_it_run_once, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_stopped_timer_does_not_run_and_can_be_started_again, open_timer,
						close_timer),
		cmocka_unit_test_setup_teardown(test_stopping_a_timer_that_rests_changes_nothing, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_timer_can_start_itself_again_from_its_callback, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_repeating_timer_can_stop_itself_from_its_callback, open_timer,
						close_timer),
		cmocka_unit_test_setup_teardown(test_a_repeating_timer_started_from_its_callback_runs_only_once_more,
						open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_a_timer_can_be_freed_from_its_callback, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_in_its_callback_only_a_repeating_timer_is_running, open_timer,
						close_timer),
		cmocka_unit_test_setup_teardown(test_a_freed_timer_does_not_run, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_freeing_a_null_timer_does_nothing, open_timer, close_timer),
		cmocka_unit_test_setup_teardown(test_delays_double_from_50_ms_to_a_second_with_a_quarter_of_jitter, open_base,
						close_base),
		cmocka_unit_test_setup_teardown(test_any_number_of_attempts_has_a_delay, open_base, close_base),
		cmocka_unit_test_setup_teardown(test_delays_of_many_differ, open_base, close_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

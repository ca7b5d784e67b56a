/* Limits in a window of time, counted on a real Redis. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "redis/limit.h"
#include "tests/redis/redis_fixture.h"

#define KEY "limits"
#define SPAN 1048576 /* of limit_count.lua */

static const struct redis_script *const scripts[] = {&limit_count_script, &limit_undo_script, NULL};

struct counted {
	bool is_there;
	enum status status;
	long retry_s;
};

static void note(enum status status, long retry_s, void *arg)
{
	*(struct counted *)arg = (struct counted){true, status, retry_s};
}

static void open_ready(void)
{
	struct redis_config config = fixture_config();

	fixture_ready(&config, scripts);
}

static struct counted count_on(const struct limit *limits, int n)
{
	struct counted counted = {0};

	limit_count(redis, &scope, limits, n, note, &counted);
	WAIT_FOR(counted.is_there);
	assert_int_equal(counted.status, STATUS_OK);
	return counted;
}

/* Is it counted? */
static bool count(const char *name, long events)
{
	return count_on(&(struct limit){KEY, name, events, 1000}, 1).retry_s == 0;
}

static long long counters(void)
{
	return BESIDE("ZCARD", KEY);
}

static void set_window_end(const char *name, long long from_now_s, int events)
{
	char *digest = BESIDE_TEXT("EVAL", "return redis.sha1hex(ARGV[1])", "0", name), score[32];

	snprintf(score, sizeof score, "%lld", (clock_unix_ms() / 1000 + from_now_s) * SPAN + events);
	BESIDE("ZADD", KEY, score, digest);
	free(digest);
}

static void test_events_up_to_the_limit_are_counted_and_the_next_one_has_to_wait_for_the_end_of_the_window(void **state)
{
	struct counted refused;

	open_ready();
	assert_true(count("ada", 2));
	assert_true(count("ada", 2));
	refused = count_on(&(struct limit){KEY, "ada", 2, 1000}, 1);
	assert_in_range(refused.retry_s, 990, 1000);
	assert_true(count("bob", 2));
}

static void test_an_event_that_is_beyond_one_limit_is_counted_on_none(void **state)
{
	const struct limit both[] = {{KEY, "ada", 5, 1000}, {"{limits}:domains", "example.com", 1, 1000}};

	open_ready();
	assert_int_equal(count_on(both, 2).retry_s, 0);
	for (int i = 0; i < 10; i++)
		assert_true(count_on(both, 2).retry_s > 0);
	for (int i = 0; i < 4; i++)
		assert_true(count("ada", 5));
	assert_false(count("ada", 5));
}

/* Unless it is moved, it ends later with each attempt. */
static void test_a_window_that_ends_too_late_because_the_clock_was_set_back_is_moved(void **state)
{
	struct counted refused;

	open_ready();
	set_window_end("ada", 5000, 2);
	refused = count_on(&(struct limit){KEY, "ada", 2, 1000}, 1);
	assert_in_range(refused.retry_s, 990, 1000);
	assert_in_range(BESIDE("EVAL",
			       "return math.floor(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] / 1048576)"
			       " - redis.call('TIME')[1]",
			       "1", KEY),
			990, 1000);
}

static void test_a_window_that_is_over_begins_anew_and_its_counter_is_removed_by_others(void **state)
{
	open_ready();
	set_window_end("ada", -1, 2);
	assert_true(count("ada", 2));
	set_window_end("ada", -1, 2);
	set_window_end("bob", -5, 2);
	assert_int_equal(counters(), 2);
	assert_true(count("carol", 2));
	assert_int_equal(counters(), 1);
}

static void test_a_window_that_a_clock_ahead_began_ends_no_later_than_its_length_from_now(void **state)
{
	open_ready();
	set_window_end("ada", 100000, 2);
	assert_in_range(count_on(&(struct limit){KEY, "ada", 2, 1000}, 1).retry_s, 1, 1000);
}

static void test_nothing_expires_by_itself_since_a_full_redis_evicts_what_does(void **state)
{
	open_ready();
	assert_true(count("ada", 2));
	assert_int_equal(BESIDE("TTL", KEY), -1);
}

static void test_what_was_counted_is_taken_back_one_by_one_or_all_at_once(void **state)
{
	open_ready();
	for (int i = 0; i < 3; i++)
		assert_true(count("ada", 3));
	limit_undo(redis, &scope, KEY, "ada");
	assert_true(count("ada", 3));
	assert_false(count("ada", 3));
	limit_forget(redis, &scope, KEY, "ada");
	for (int i = 0; i < 3; i++)
		assert_true(count("ada", 3));
	assert_false(count("ada", 3));
}

static void test_names_without_end_keep_no_more_counters_than_the_largest_number(void **state)
{
	open_ready();
	BESIDE("EVAL", "for i = 1, 50000 do redis.call('ZADD', KEYS[1], '1e16', i) end return 1", "1", KEY);
	assert_true(count("ada", 2));
	assert_int_equal(counters(), atoll(LIMIT_COUNTERS_MAX));
}

static void test_without_redis_nothing_is_said_about_the_limit(void **state)
{
	struct redis_config config = fixture_config();
	struct counted counted = {0};

	config.in_flight_max = 1;
	fixture_ready(&config, scripts);
	limit_undo(redis, &scope, KEY, "ada");
	limit_count(redis, &scope, &(struct limit){KEY, "ada", 1, 1000}, 1, note, &counted);
	WAIT_FOR(counted.is_there);
	assert_int_equal(counted.status, STATUS_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_events_up_to_the_limit_are_counted_and_the_next_one_has_to_wait_for_the_end_of_the_window),
		REDIS_TEST(test_an_event_that_is_beyond_one_limit_is_counted_on_none),
		REDIS_TEST(test_a_window_that_ends_too_late_because_the_clock_was_set_back_is_moved),
		REDIS_TEST(test_a_window_that_is_over_begins_anew_and_its_counter_is_removed_by_others),
		REDIS_TEST(test_a_window_that_a_clock_ahead_began_ends_no_later_than_its_length_from_now),
		REDIS_TEST(test_nothing_expires_by_itself_since_a_full_redis_evicts_what_does),
		REDIS_TEST(test_what_was_counted_is_taken_back_one_by_one_or_all_at_once),
		REDIS_TEST(test_names_without_end_keep_no_more_counters_than_the_largest_number),
		REDIS_TEST(test_without_redis_nothing_is_said_about_the_limit),
	};

	return fixture_run("redis/io_limit", tests, sizeof tests / sizeof *tests);
}

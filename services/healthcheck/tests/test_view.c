/* What is told: the JSON of GET /healthcheck, and the one line for people. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "near.h"
#include "service.h"

/* A monitor whose loop never turns: nobody is asked, and the tests say what was found. */
static struct healthcheck_config config;
static struct event_base *base;
static struct monitor *monitor;
static int64_t now_ms;
static char targets[] = "users=http://127.0.0.1:1,users=http://127.0.0.1:2,worker=http://[::1]:3";

static int set_up(void **state)
{
	log_init("test", "test", LOG_ERROR);
	config = (struct healthcheck_config){.targets = targets, .interval_ms = 2000, .timeout_ms = 1000, .streams_max = 10};
	base = loop_new();
	monitor = monitor_new(base, &config);
	monitor->history.round = 2; /* the first is over */
	now_ms = clock_unix_ms();
	return 0;
}

static int tear_down(void **state)
{
	free(monitor->postgres);
	free(monitor->redis);
	free(monitor->nginx);
	monitor->postgres = NULL;
	monitor->redis = NULL;
	monitor->nginx = NULL;
	monitor_free(monitor);
	event_base_free(base);
	return 0;
}

static void find(size_t at, enum health health, int64_t since_ms)
{
	events_note(&monitor->events, &monitor->instances[at]->watched, health, health == HEALTH_UP ? "" : "some reason",
		    now_ms - since_ms);
}

static void all_are_up(void)
{
	for (size_t i = 0; i < 3; i++)
		find(i, HEALTH_UP, 100000);
}

static void assert_summary(const char *expected)
{
	struct buf text = {0};

	view_summary(monitor, now_ms, &text);
	assert_string_equal(text.bytes, expected);
	buf_free(&text);
}

/* ---- the line for people ---- */

static void test_all_up(void **state)
{
	all_are_up();
	assert_summary("All 3 instances up");
	assert_false(view_is_anything_down(monitor));
}

static void test_one_of_two_down(void **state)
{
	all_are_up();
	find(1, HEALTH_DOWN, 14900);
	assert_summary("users: 1 of 2 down for 14 s");
	assert_true(view_is_anything_down(monitor));
}

static void test_the_longest_down_counts_and_down_comes_before_degraded(void **state)
{
	all_are_up();
	find(0, HEALTH_DOWN, 14000);
	find(1, HEALTH_DOWN, 125000);
	find(2, HEALTH_DEGRADED, 3700000);
	assert_summary("users: 2 of 2 down for 2 min; worker: 1 of 1 degraded for 1 h 1 min");
	find(0, HEALTH_UP, 0);
	find(1, HEALTH_DEGRADED, 0);
	find(2, HEALTH_DOWN, 2 * 86400000LL + 3600000);
	assert_summary("worker: 1 of 1 down for 2 d 1 h; users: 1 of 2 degraded for 0 s");
}

static void test_a_degraded_one_is_not_down(void **state)
{
	all_are_up();
	find(2, HEALTH_DEGRADED, 1000);
	assert_false(view_is_anything_down(monitor));
}

static void test_a_dependency_that_is_down_is_told_of(void **state)
{
	all_are_up();
	monitor->postgres = calloc(1, sizeof *monitor->postgres);
	monitor->postgres->watched = (struct watched){.health = HEALTH_DOWN, .since_ms = now_ms - 5000};
	monitor->nginx = calloc(1, sizeof *monitor->nginx);
	monitor->nginx->watched = (struct watched){.health = HEALTH_UP};
	assert_summary("Postgres down for 5 s");
	assert_true(view_is_anything_down(monitor));
}

static void test_who_was_not_asked_yet_is_down(void **state)
{
	assert_true(view_is_anything_down(monitor));
	assert_summary("users: 2 of 2 down for 0 s; worker: 1 of 1 down for 0 s");
}

/* ---- JSON ---- */

static cJSON *parsed(void)
{
	struct buf text = {0};
	cJSON *json = NULL;

	view_health(monitor, now_ms, &text);
	assert_null(strchr(text.bytes, '\n')); /* it goes into one line of an event stream */
	json = cJSON_ParseWithOpts(text.bytes, NULL, true);
	if (!json)
		fail_msg("no JSON: %s", text.bytes);
	buf_free(&text);
	return json;
}

static const cJSON *member(const cJSON *json, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(json, name);

	if (!found)
		fail_msg("there is no %s", name);
	return found;
}

static void test_an_instance_that_is_up_is_told_of_whole(void **state)
{
	struct instance *instance = monitor->instances[2];
	cJSON *json;
	const cJSON *told;

	all_are_up();
	instance->cpu_percent = 12.34;
	instance->memory_bytes = 8388608;
	instance->started_s = (double)now_ms / 1000 - 60;
	instance->response_ms = 0.567;
	strcpy(instance->version, "0.1.0");
	json = parsed();
	told = cJSON_GetArrayItem(member(member(json, "data"), "services"), 2);
	assert_string_equal(json_text(told, "name"), "worker");
	assert_string_equal(json_text(told, "instance"), "worker-1");
	assert_string_equal(json_text(told, "address"), "[::1]:3");
	assert_string_equal(json_text(told, "status"), "up");
	assert_true(cJSON_IsNull(member(told, "reason")));
	assert_near(member(told, "cpu_percent")->valuedouble, 12.3, 1e-9);
	assert_near(member(told, "memory_bytes")->valuedouble, 8388608, 0);
	assert_near(member(told, "uptime_s")->valuedouble, 60, 1);
	assert_near(member(told, "response_ms")->valuedouble, 0.57, 1e-9);
	assert_string_equal(json_text(told, "version"), "0.1.0");
	assert_non_null(json_text(told, "last_seen"));
	assert_true(cJSON_IsNull(member(told, "down_since")));
	cJSON_Delete(json);
}

static void test_what_is_not_known_is_null(void **state)
{
	static const char *const unknown[] = {"cpu_percent", "memory_bytes", "uptime_s", "response_ms", "version", "last_seen"};
	cJSON *json = parsed();
	const cJSON *told = cJSON_GetArrayItem(member(member(json, "data"), "services"), 0);

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_true(cJSON_IsNull(member(told, unknown[i])));
	assert_string_equal(json_text(told, "status"), "down");
	assert_string_equal(json_text(told, "reason"), "not asked yet");
	for (int i = 0; i < 4; i++)
		assert_true(
			cJSON_IsNull(member(member(json, "data"), (const char *[]){"queue", "postgres", "redis", "nginx"}[i])));
	cJSON_Delete(json);
}

static void test_a_reason_may_hold_anything(void **state)
{
	cJSON *json;

	monitor_note(monitor, &monitor->instances[0]->watched, HEALTH_DOWN, "\"}]\n\x01\xff");
	json = parsed();
	assert_string_equal(json_text(cJSON_GetArrayItem(member(member(json, "data"), "services"), 0), "reason"),
			    "\"}]\n\x01\xef\xbf\xbd");
	cJSON_Delete(json);
}

static void test_rates_of_all_workers_are_added_up(void **state)
{
	cJSON *json;
	const cJSON *queue;

	monitor->redis = calloc(1, sizeof *monitor->redis);
	monitor->redis->watched.health = HEALTH_UP;
	monitor->redis->has_queue = true;
	monitor->redis->depth = 7;
	monitor->redis->oldest_s = 1.25;
	monitor->instances[0]->jobs_per_s = 1.5;
	monitor->instances[2]->jobs_per_s = 2;
	json = parsed();
	queue = member(member(json, "data"), "queue");
	assert_near(member(queue, "depth")->valuedouble, 7, 0);
	assert_near(member(queue, "per_s")->valuedouble, 3.5, 1e-9);
	assert_near(member(queue, "dead")->valuedouble, 0, 0);
	cJSON_Delete(json);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_all_up),
		TEST(test_one_of_two_down),
		TEST(test_the_longest_down_counts_and_down_comes_before_degraded),
		TEST(test_a_degraded_one_is_not_down),
		TEST(test_a_dependency_that_is_down_is_told_of),
		TEST(test_who_was_not_asked_yet_is_down),
		TEST(test_an_instance_that_is_up_is_told_of_whole),
		TEST(test_what_is_not_known_is_null),
		TEST(test_a_reason_may_hold_anything),
		TEST(test_rates_of_all_workers_are_added_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

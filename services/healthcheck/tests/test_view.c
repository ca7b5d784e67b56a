/* The JSON of GET /healthcheck, and the one line for people. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "monitor.h"
#include "near.h"
#include "service.h"
#include "show/view.h"

/* A monitor whose loop never turns, so it asks nothing, and the tests set what it knows. */
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
	monitor_free(monitor);
	event_base_free(base);
	return 0;
}

static void set_health(size_t at, enum health health, int64_t since_ms)
{
	events_note(&monitor->events, &monitor->instances[at]->watched, health, health == HEALTH_UP ? "" : "some reason",
		    now_ms - since_ms);
}

static void all_are_up(void)
{
	for (size_t i = 0; i < 3; i++)
		set_health(i, HEALTH_UP, 100000);
}

static void assert_summary(const char *expected)
{
	struct buf text = {0};

	view_summary(monitor, now_ms, &text);
	assert_string_equal(text.bytes, expected);
	buf_free(&text);
}

/* ---- the line for people ---- */

static void test_all_instances_up(void **state)
{
	all_are_up();
	assert_summary("All 3 instances up");
	assert_false(view_is_anything_down(monitor));
}

static void test_one_of_two_instances_down(void **state)
{
	all_are_up();
	set_health(1, HEALTH_DOWN, 14900);
	assert_summary("users: 1 of 2 down for 14 s");
	assert_true(view_is_anything_down(monitor));
}

static void test_the_longest_outage_counts_and_down_comes_before_degraded(void **state)
{
	all_are_up();
	set_health(0, HEALTH_DOWN, 14000);
	set_health(1, HEALTH_DOWN, 125000);
	set_health(2, HEALTH_DEGRADED, 3700000);
	assert_summary("users: 2 of 2 down for 2 min; worker: 1 of 1 degraded for 1 h 1 min");
	set_health(0, HEALTH_UP, 0);
	set_health(1, HEALTH_DEGRADED, 0);
	set_health(2, HEALTH_DOWN, 2 * 86400000LL + 3600000);
	assert_summary("worker: 1 of 1 down for 2 d 1 h; users: 1 of 2 degraded for 0 s");
}

static void test_a_degraded_instance_is_not_down(void **state)
{
	all_are_up();
	set_health(2, HEALTH_DEGRADED, 1000);
	assert_false(view_is_anything_down(monitor));
}

static void test_a_dependency_that_is_down_is_in_the_summary(void **state)
{
	all_are_up();
	monitor->postgres.is_watched = true;
	monitor->postgres.watched = (struct watched){.health = HEALTH_DOWN, .since_ms = now_ms - 5000};
	monitor->nginx.is_watched = true;
	monitor->nginx.watched = (struct watched){.health = HEALTH_UP};
	assert_summary("Postgres down for 5 s");
	assert_true(view_is_anything_down(monitor));
}

static void test_dead_letters_are_in_the_summary_and_an_event(void **state)
{
	struct redis_readings *redis = &monitor->redis;

	all_are_up();
	*redis = (struct redis_readings){.is_watched = true, .has_queue = true, .dead = 3};
	redis->watched.health = HEALTH_UP;
	assert_summary("All 3 instances up"); /* the queue was not counted yet */
	events_note(&monitor->events, &redis->queue, HEALTH_DEGRADED, "jobs were given up", now_ms - 14000);
	assert_summary("Queue degraded for 14 s");
	assert_false(view_is_anything_down(monitor));
	assert_int_equal(events_latest(&monitor->events, 0)->health, HEALTH_DEGRADED);
	redis->has_queue = false;
	assert_summary("All 3 instances up");
}

static void test_an_instance_that_was_not_asked_yet_is_down(void **state)
{
	assert_true(view_is_anything_down(monitor));
	assert_summary("users: 2 of 2 down for 0 s; worker: 1 of 1 down for 0 s");
}

/* ---- JSON ---- */

static cJSON *parsed(void)
{
	struct buf text = {0};
	cJSON *json = NULL;

	view_health(monitor, true, now_ms, &text);
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

static void test_an_instance_that_is_up_has_all_its_members(void **state)
{
	struct instance *instance = monitor->instances[2];
	cJSON *json;
	const cJSON *shown;

	all_are_up();
	instance->cpu_percent = 12.34;
	instance->memory_bytes = 8388608;
	instance->started_s = (double)now_ms / 1000 - 60;
	instance->response_ms = 0.567;
	strcpy(instance->version, "0.1.0");
	json = parsed();
	shown = cJSON_GetArrayItem(member(member(json, "data"), "services"), 2);
	assert_string_equal(json_text(shown, "name"), "worker");
	assert_string_equal(json_text(shown, "instance"), "worker-1");
	assert_string_equal(json_text(shown, "address"), "[::1]:3");
	assert_string_equal(json_text(shown, "status"), "up");
	assert_true(cJSON_IsNull(member(shown, "reason")));
	assert_near(member(shown, "cpu_percent")->valuedouble, 12.3, 1e-9);
	assert_near(member(shown, "memory_bytes")->valuedouble, 8388608, 0);
	assert_near(member(shown, "uptime_s")->valuedouble, 60, 1);
	assert_near(member(shown, "response_ms")->valuedouble, 0.57, 1e-9);
	assert_string_equal(json_text(shown, "version"), "0.1.0");
	assert_non_null(json_text(shown, "last_seen"));
	assert_true(cJSON_IsNull(member(shown, "down_since")));
	cJSON_Delete(json);
}

static void test_the_reply_is_written_byte_for_byte_as_documented(void **state)
{
	struct buf text = {0}, expected = {0};
	char last_seen[CLOCK_TEXT_BYTES];

	all_are_up();
	clock_format(monitor->instances[0]->watched.last_seen_ms, last_seen);
	monitor->nginx = (struct nginx_readings){.is_watched = true, .active = 3, .requests_per_s = -1};
	monitor->nginx.watched.health = HEALTH_UP;
	buf_text(&expected, "{\"status\":\"success\",\"data\":{\"summary\":\"All 3 instances "
			    "up\",\"detail\":\"full\",\"notice\":null,\"services\":[");
	for (size_t i = 0; i < 3; i++)
		buf_printf(&expected,
			   "%s{\"name\":\"%s\",\"instance\":\"%s\",\"address\":\"%s\",\"status\":\"up\",\"reason\":null,"
			   "\"cpu_percent\":null,\"memory_bytes\":null,\"uptime_s\":null,\"response_ms\":null,\"version\":null,"
			   "\"last_seen\":\"%s\",\"down_since\":null}",
			   i ? "," : "", monitor->instances[i]->watched.service, monitor->instances[i]->watched.instance,
			   monitor->instances[i]->address, last_seen);
	buf_text(&expected,
		 "],\"queue\":null,\"mail\":null,\"postgres\":null,\"redis\":null,\"nginx\":{\"status\":\"up\",\"reason\":null,"
		 "\"active\":3,\"requests_per_s\":null},\"updated_at\":null}}");
	view_health(monitor, true, now_ms, &text);
	assert_string_equal(text.bytes, expected.bytes);
	buf_free(&expected);
	buf_free(&text);
}

static void assert_no_text(const struct buf *text, const char *part)
{
	if (strstr(text->bytes, part))
		fail_msg("it says %s: %s", part, text->bytes);
}

static void test_the_summary_has_no_address_reason_version_or_figure(void **state)
{
	struct buf text = {0};

	monitor->postgres = (struct postgres_readings){.is_watched = true, .connections = 77, .connections_max = 1077};
	monitor->redis = (struct redis_readings){.is_watched = true,
						 .role = "primary",
						 .memory_bytes = 77,
						 .memory_max_bytes = 1077,
						 .evicted = 77,
						 .clients = 77};
	monitor->nginx = (struct nginx_readings){.is_watched = true, .active = 77, .requests_per_s = 77};
	monitor->instances[2]->jobs_per_s = 77;
	monitor->notice = (struct notice){.text = "Maintenance", .by = "an admin", .since_ms = now_ms};
	all_are_up();
	set_health(1, HEALTH_DOWN, 14000);
	for (size_t i = 0; i < 3; i++) {
		monitor->instances[i]->memory_bytes = 77;
		strcpy(monitor->instances[i]->version, "0.1.77");
	}
	view_health(monitor, false, now_ms, &text);
	assert_non_null(strstr(text.bytes, "\"summary\":\"users: 1 of 2 down for 14 s; Postgres down for "));
	assert_non_null(strstr(text.bytes, "\"text\":\"Maintenance\",\"by\":null"));
	assert_no_text(&text, "some reason");
	assert_no_text(&text, "127.0.0.1");
	assert_no_text(&text, "0.1.77");
	assert_no_text(&text, "primary");
	assert_no_text(&text, ":77");
	assert_no_text(&text, ":1077");
	buf_free(&text);
}

static void test_unknown_figures_are_null(void **state)
{
	static const char *const unknown[] = {"cpu_percent", "memory_bytes", "uptime_s", "response_ms", "version", "last_seen"};
	cJSON *json = parsed();
	const cJSON *shown = cJSON_GetArrayItem(member(member(json, "data"), "services"), 0);

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_true(cJSON_IsNull(member(shown, unknown[i])));
	assert_string_equal(json_text(shown, "status"), "down");
	assert_string_equal(json_text(shown, "reason"), "not asked yet");
	for (int i = 0; i < 4; i++)
		assert_true(
			cJSON_IsNull(member(member(json, "data"), (const char *[]){"queue", "postgres", "redis", "nginx"}[i])));
	cJSON_Delete(json);
}

static void test_a_reason_may_hold_any_byte(void **state)
{
	cJSON *json;

	monitor_note(monitor, &monitor->instances[0]->watched, HEALTH_DOWN, "\"}]\n\x01\xff");
	json = parsed();
	assert_string_equal(json_text(cJSON_GetArrayItem(member(member(json, "data"), "services"), 0), "reason"),
			    "\"}]\n\x01\xef\xbf\xbd");
	cJSON_Delete(json);
}

static void test_the_rates_of_all_workers_are_added_up(void **state)
{
	cJSON *json;
	const cJSON *queue;

	monitor->redis.is_watched = true;
	monitor->redis.watched.health = HEALTH_UP;
	monitor->redis.has_queue = true;
	monitor->redis.depth = 7;
	monitor->redis.oldest_s = 1.25;
	monitor->redis.backlog = 3;
	monitor->instances[0]->jobs_per_s = 1.5;
	monitor->instances[2]->jobs_per_s = 2;
	json = parsed();
	queue = member(member(json, "data"), "queue");
	assert_near(member(queue, "depth")->valuedouble, 7, 0);
	assert_near(member(queue, "per_s")->valuedouble, 3.5, 1e-9);
	assert_near(member(queue, "dead")->valuedouble, 0, 0);
	assert_near(member(queue, "backlog")->valuedouble, 3, 0);
	cJSON_Delete(json);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_all_instances_up),
		TEST(test_one_of_two_instances_down),
		TEST(test_the_longest_outage_counts_and_down_comes_before_degraded),
		TEST(test_a_degraded_instance_is_not_down),
		TEST(test_a_dependency_that_is_down_is_in_the_summary),
		TEST(test_dead_letters_are_in_the_summary_and_an_event),
		TEST(test_an_instance_that_was_not_asked_yet_is_down),
		TEST(test_an_instance_that_is_up_has_all_its_members),
		TEST(test_the_reply_is_written_byte_for_byte_as_documented),
		TEST(test_the_summary_has_no_address_reason_version_or_figure),
		TEST(test_unknown_figures_are_null),
		TEST(test_a_reason_may_hold_any_byte),
		TEST(test_the_rates_of_all_workers_are_added_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

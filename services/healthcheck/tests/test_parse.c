/* What other processes report about themselves, well-formed and not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/random_input.h"
#include "near.h"
#include "watch/full.h"
#include "watch/parse.h"
#include "watch/redis_watch.h"

#define LEAST "process_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 4096\nprocess_start_time_seconds 1.7e9\n"

static struct metrics_reading reading;

static enum status parse(const char *text)
{
	return parse_metrics(text, strlen(text), &reading);
}

/* ---- metrics ---- */

static void test_metrics_are_read(void **state)
{
	assert_int_equal(parse("# HELP build_info Which build.\n# TYPE build_info gauge\n"
			       "build_info{version=\"0.1.0\",revision=\"abcdef01\"} 1\n" LEAST
			       "worker_jobs_total{kind=\"fibonacci\",result=\"done\"} 40\n"
			       "worker_jobs_total{kind=\"lucas\",result=\"done\"} 2\n"),
			 STATUS_OK);
	assert_near(reading.cpu_s, 1.5, 0);
	assert_near(reading.memory_bytes, 4096, 0);
	assert_near(reading.started_s, 1.7e9, 0);
	assert_near(reading.jobs, 42, 0);
	assert_string_equal(reading.version, "0.1.0");
}

static void test_absent_metrics_are_negative_or_empty(void **state)
{
	assert_int_equal(parse(LEAST), STATUS_OK);
	assert_true(reading.jobs < 0);
	assert_string_equal(reading.version, "");
}

static void test_metrics_of_several_processes_are_added_up_and_the_earliest_start_counts(void **state)
{
	assert_int_equal(
		parse("process_cpu_seconds_total{process=\"0\"} 1\nprocess_cpu_seconds_total{process=\"1\"} 2\n"
		      "process_resident_memory_bytes{process=\"0\"} 10\nprocess_resident_memory_bytes{process=\"1\"} 20\n"
		      "process_start_time_seconds{process=\"0\"} 200\nprocess_start_time_seconds{process=\"1\"} 100\n"),
		STATUS_OK);
	assert_near(reading.cpu_s, 3, 0);
	assert_near(reading.memory_bytes, 30, 0);
	assert_near(reading.started_s, 100, 0);
}

static void test_a_label_value_may_hold_any_character(void **state)
{
	assert_int_equal(parse(LEAST "worker_jobs_total{kind=\"a} 9 \\\" {\"} 7\n"), STATUS_OK);
	assert_near(reading.jobs, 7, 0);
}

static void test_a_timestamp_and_crlf_are_accepted(void **state)
{
	assert_int_equal(parse("process_cpu_seconds_total 1 1700000000000\r\nprocess_resident_memory_bytes 2\r\n"
			       "process_start_time_seconds 3"),
			 STATUS_OK);
	assert_near(reading.started_s, 3, 0);
}

static void test_a_metric_is_found_by_its_whole_name(void **state)
{
	assert_int_equal(parse(LEAST "worker_jobs_total_created 5\nworker_jobs_totals 6\nworker_jobs_total\n"), STATUS_OK);
	assert_true(reading.jobs < 0);
}

static void test_malformed_numbers_are_ignored(void **state)
{
	static const char *const texts[] = {
		"NaN", "+Inf", "-5",    "",         "x",   "1x",
		"  ",  "1e16", "1e999", "0x1p9999", "1,5", "00000000000000000000000000000000000000000000000000001"};
	char text[300];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		snprintf(text, sizeof text, LEAST "worker_jobs_total %s\n", texts[i]);
		assert_int_equal(parse(text), STATUS_OK);
		if (reading.jobs != -1)
			fail_msg("%s was read as %g", texts[i], reading.jobs);
	}
}

static void test_metrics_without_those_of_the_process_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"<html></html>",
		"process_cpu_seconds_total 1\n",
		"process_cpu_seconds_total 1\nprocess_resident_memory_bytes 2\n",
		"process_cpu_seconds_total{ 1\nprocess_resident_memory_bytes 2\nprocess_start_time_seconds 3\n"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(parse(texts[i]), STATUS_INVALID);
}

static void test_a_long_version_is_truncated(void **state)
{
	assert_int_equal(parse(LEAST "build_info{version=\"0123456789012345678901234567890123456789\"} 1\n"), STATUS_OK);
	assert_int_equal(strlen(reading.version), sizeof reading.version - 1);
}

static bool is_absent_or_sane(double number)
{
	return number == -1 || (number >= 0 && number <= 4e15); /* four series of the largest number that is accepted */
}

static void check_damaged_metrics(const char *bytes, size_t len)
{
	struct metrics_reading unset = {.cpu_s = -7}, read = unset;

	if (parse_metrics(bytes, len, &read) != STATUS_OK) {
		assert_memory_equal(&read, &unset, sizeof read);
		return;
	}
	assert_true(read.cpu_s >= 0 && is_absent_or_sane(read.cpu_s));
	assert_true(read.memory_bytes >= 0 && is_absent_or_sane(read.memory_bytes));
	assert_true(read.started_s >= 0 && is_absent_or_sane(read.started_s));
	assert_true(is_absent_or_sane(read.jobs));
	assert_non_null(memchr(read.version, '\0', sizeof read.version));
}

/* The bytes are at the end of their allocation, so that the sanitizers find reads beyond it. */
static void test_damaged_metrics_are_refused_or_give_sane_readings(void **state)
{
	static const char sound[] = LEAST "build_info{version=\"0.1.0\"} 1\nworker_jobs_total{kind=\"a\"} 40\n";

	random_input_start();
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)random() % sizeof sound;
		char *bytes = malloc(len + 1);

		memcpy(bytes, sound, len);
		for (long damage = random() % 4; damage > 0 && len > 0; damage--)
			bytes[(size_t)random() % len] = "{}\" \n\\=p-9e\x00\xff"[random() % 13];
		bytes[len] = '\0';
		check_damaged_metrics(bytes, len);
		free(bytes);
	}
}

/* ---- /readyz, stub_status, INFO ---- */

static void test_readiness_must_be_our_envelope(void **state)
{
	static const char *const unsound[] = {"", "ready", "[]", "{}", "\"status\"", "{\"status\":1}", "{\"message\":\"x\"}"};
	static const char ready[] = "{\"status\":\"success\",\"message\":\"ready\"}", mute[] = "{\"status\":\"success\"}";
	char text[8] = "unset";

	assert_int_equal(parse_readiness(ready, strlen(ready), text, sizeof text), STATUS_OK);
	assert_string_equal(text, "ready");
	assert_int_equal(parse_readiness(mute, strlen(mute), text, sizeof text), STATUS_OK);
	assert_string_equal(text, "");
	for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++)
		assert_int_equal(parse_readiness(unsound[i], strlen(unsound[i]), text, sizeof text), STATUS_INVALID);
}

static void test_stub_status_is_read(void **state)
{
	int64_t active = 0, requests = 0;

	assert_int_equal(parse_stub_status("Active connections: 3 \nserver accepts handled requests\n 10 9 8 \n"
					   "Reading: 0 Writing: 1 Waiting: 2 \n",
					   &active, &requests),
			 STATUS_OK);
	assert_int_equal(active, 3);
	assert_int_equal(requests, 8);
	assert_int_equal(parse_stub_status("", &active, &requests), STATUS_INVALID);
	assert_int_equal(parse_stub_status("Active connections: 3\n", &active, &requests), STATUS_INVALID);
	assert_int_equal(parse_stub_status("Active connections: 3\nserver accepts handled requests\n", &active, &requests),
			 STATUS_INVALID);
}

static void test_stub_status_with_a_negative_number_is_refused(void **state)
{
	int64_t active, requests;

	assert_int_equal(
		parse_stub_status("Active connections: -3\nserver accepts handled requests\n 10 9 8\n", &active, &requests),
		STATUS_INVALID);
	assert_int_equal(
		parse_stub_status("Active connections: 3\nserver accepts handled requests\n 10 9 -8\n", &active, &requests),
		STATUS_INVALID);
}

static void test_damaged_stub_status_is_refused_or_read(void **state)
{
	static const char sound[] = "Active connections: 3 \nserver accepts handled requests\n 10 9 8 \n";

	random_input_start();
	for (int i = 0; i < 20000; i++) {
		char *text = malloc(sizeof sound);
		int64_t active = -7, requests = -7;

		memcpy(text, sound, sizeof sound);
		for (long damage = random() % 4; damage > 0; damage--)
			text[(size_t)random() % (sizeof sound - 1)] = "{ \n-1a\x00\xff"[random() % 8];
		if (parse_stub_status(text, &active, &requests) == STATUS_OK) {
			assert_non_null(strstr(text, "server accepts handled requests\n"));
			assert_true(active != -7 && requests != -7);
		}
		free(text);
	}
}

static void test_info_is_searched_by_whole_name_at_the_start_of_a_line(void **state)
{
	static const char info[] = "# Memory\r\nused_memory_peak:9\r\nused_memory:7\r\nrole:master";
	char value[8];

	assert_true(parse_info(info, "used_memory", value, sizeof value));
	assert_string_equal(value, "7");
	assert_true(parse_info(info, "role", value, sizeof value));
	assert_string_equal(value, "master");
	assert_false(parse_info(info, "memory", value, sizeof value));
	assert_false(parse_info("", "role", value, sizeof value));
	assert_true(parse_info("role:0123456789\n", "role", value, sizeof value));
	assert_string_equal(value, "0123456");
}

static void test_the_keys_that_expire_are_added_up_over_the_databases(void **state)
{
	assert_int_equal(
		parse_info_expiring("# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=9\r\ndb3:keys=5,expires=40,avg_ttl=0\r\n"), 42);
	assert_int_equal(parse_info_expiring("# Keyspace\r\n"), 0);
}

static void test_more_keys_than_there_can_be_are_no_number(void **state)
{
	assert_int_equal(parse_info_expiring("db0:keys=1,expires=9223372036854775807,avg_ttl=0\r\n"), INT64_MAX);
	assert_int_equal(parse_info_expiring("db0:keys=1,expires=9223372036854775807\r\ndb1:keys=1,expires=1\r\n"), -1);
	assert_int_equal(parse_info_expiring("db0:keys=1,expires=-1,avg_ttl=0\r\n"), -1);
}

static const char *judge(const char *info)
{
	static struct redis_readings readings;

	return redis_watch_read(info, &readings);
}

static void test_redis_is_degraded_while_nearly_all_its_memory_is_used_and_few_keys_expire(void **state)
{
	assert_null(judge("used_memory:89\r\nmaxmemory:100\r\n"));
	assert_string_equal(judge("used_memory:90\r\nmaxmemory:100\r\n"), "nearly all memory is used");
	assert_null(judge("used_memory:90\r\nmaxmemory:0\r\n"));
	assert_null(judge("used_memory:90\r\nmaxmemory:100\r\ndb0:keys=200,expires=100\r\n"));
	assert_non_null(judge("used_memory:90\r\nmaxmemory:100\r\ndb0:keys=200,expires=99\r\n"));
	assert_string_equal(judge("role:slave\r\n"), "a replica: it takes no writes");
	assert_null(judge(""));
}

static void test_the_largest_numbers_are_compared_like_any_other(void **state)
{
	assert_non_null(judge("used_memory:9223372036854775807\r\nmaxmemory:9223372036854775807\r\n"));
	assert_non_null(judge("used_memory:9223372036854775807\r\nmaxmemory:1\r\n"));
	assert_null(judge("used_memory:1\r\nmaxmemory:9223372036854775807\r\n"));
	assert_true(full_is_near(INT64_MAX, INT64_MAX) && !full_is_near(0, INT64_MAX));
}

static void test_mail_of_users_and_mailer_is_read(void **state)
{
	static const char text[] =
		"process_cpu_seconds_total 1\nprocess_resident_memory_bytes 1\nprocess_start_time_seconds 1\n"
		"mail_outbox_messages 7\nmail_outbox_oldest_seconds 90\n"
		"mail_sent_total{template=\"a\",result=\"sent\"} 3\nmail_sent_total{template=\"b\",result=\"sent\"} 4\n"
		"mail_sent_total{template=\"a\",result=\"failed\"} 1\n"
		"mail_sent_total{template=\"a\",result=\"deferred\"} 100\nmail_sent_total 100\n"
		"sms_sent_total{result=\"sent\"} 5\nsms_sent_total{result=\"failed\"} 2\nsms_sent_total{result=\"deferred\"} "
		"100\n";
	assert_int_equal(parse_metrics(text, strlen(text), &reading), STATUS_OK);
	assert_near(reading.mail_waiting, 7, 0);
	assert_near(reading.mail_oldest_s, 90, 0);
	assert_near(reading.mail_sent, 7, 0);
	assert_near(reading.mail_failed, 1, 0);
	assert_near(reading.sms_sent, 5, 0);
	assert_near(reading.sms_failed, 2, 0);
}

static void test_requests_of_routes_are_added_up(void **state)
{
	static const char text[] = "http_requests_total{method=\"GET\",route=\"/users/{id}\",code=\"200\"} 10\n"
				   "http_requests_total{method=\"GET\",route=\"/users/{id}\",code=\"404\"} 2\n"
				   "http_requests_total{method=\"GET\",route=\"/users/{id}\",code=\"503\"} 1\n"
				   "http_requests_total{method=\"POST\",route=\"/users\",code=\"201\"} 5\n"
				   "http_requests_total{method=\"GET\",route=\"/users/{id}\"} 100\nhttp_requests_total 100\n"
				   "http_requests_total{method=\"GET\",route=\"/"
				   "half\nhttp_requests_total{method=\"GET\",route=\"/x\",code=\"200\"} -1\n"
				   "http_request_duration_seconds_bucket{method=\"GET\",route=\"/users/{id}\",le=\"0.001\"} 4\n"
				   "http_request_duration_seconds_bucket{method=\"GET\",route=\"/users/{id}\",le=\"10\"} 12\n"
				   "http_request_duration_seconds_bucket{method=\"GET\",route=\"/users/{id}\",le=\"+Inf\"} 13\n"
				   "http_request_duration_seconds_bucket{method=\"GET\",route=\"/users/{id}\",le=\"7\"} 99";
	static struct request_counts counts;

	parse_requests(text, strlen(text), &counts);
	assert_int_equal(counts.count, 2);
	assert_string_equal(counts.routes[0].path, "/users/{id}");
	assert_near(counts.routes[0].requests, 13, 0);
	assert_near(counts.routes[0].errors, 1, 0);
	assert_near(counts.routes[0].at_most[0], 4, 0);
	assert_near(counts.routes[0].at_most[REQUESTS_BOUNDS - 1], 12, 0);
	assert_near(counts.routes[0].all, 13, 0);
	assert_string_equal(counts.routes[1].method, "POST");
	assert_near(counts.routes[1].requests, 5, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_keys_that_expire_are_added_up_over_the_databases),
		cmocka_unit_test(test_more_keys_than_there_can_be_are_no_number),
		cmocka_unit_test(test_redis_is_degraded_while_nearly_all_its_memory_is_used_and_few_keys_expire),
		cmocka_unit_test(test_the_largest_numbers_are_compared_like_any_other),
		cmocka_unit_test(test_metrics_are_read),
		cmocka_unit_test(test_absent_metrics_are_negative_or_empty),
		cmocka_unit_test(test_metrics_of_several_processes_are_added_up_and_the_earliest_start_counts),
		cmocka_unit_test(test_a_label_value_may_hold_any_character),
		cmocka_unit_test(test_a_timestamp_and_crlf_are_accepted),
		cmocka_unit_test(test_a_metric_is_found_by_its_whole_name),
		cmocka_unit_test(test_malformed_numbers_are_ignored),
		cmocka_unit_test(test_metrics_without_those_of_the_process_are_refused),
		cmocka_unit_test(test_a_long_version_is_truncated),
		cmocka_unit_test(test_damaged_metrics_are_refused_or_give_sane_readings),
		cmocka_unit_test(test_readiness_must_be_our_envelope),
		cmocka_unit_test(test_stub_status_is_read),
		cmocka_unit_test(test_stub_status_with_a_negative_number_is_refused),
		cmocka_unit_test(test_damaged_stub_status_is_refused_or_read),
		cmocka_unit_test(test_info_is_searched_by_whole_name_at_the_start_of_a_line),
		cmocka_unit_test(test_mail_of_users_and_mailer_is_read),
		cmocka_unit_test(test_requests_of_routes_are_added_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Spans: their JSON, the queue's limit, and calls that are part of a request. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "trace/span.h"

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static struct trace sampled;

static int set_up(void **state)
{
	trace_spans_register_metrics();
	trace_enable(0);
	trace_continue(&sampled, TRACEPARENT);
	assert_true(sampled.is_sampled);
	return 0;
}

/* The caller deletes it. */
static cJSON *take(int count)
{
	struct buf json = {0};
	cJSON *list = NULL;

	buf_text(&json, "[");
	assert_int_equal(trace_spans_take(&json), count);
	buf_text(&json, "]");
	list = cJSON_ParseWithLength(json.bytes, json.len);
	assert_non_null(list);
	assert_int_equal(cJSON_GetArraySize(list), count);
	buf_free(&json);
	return list;
}

static const char *text_of(const cJSON *span, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(span, name));
}

static int64_t ns_of(const cJSON *span, const char *name)
{
	return strtoll(text_of(span, name), NULL, 10);
}

static void record(const struct trace *trace, const char *name)
{
	trace_span_record(trace, &(struct trace_span){.name = name, .kind = TRACE_SERVER});
}

static void test_a_span_has_the_fields_of_otlp(void **state)
{
	int64_t now_us = clock_monotonic_us(), unix_ns = clock_unix_us() * 1000;
	const struct trace_attribute attributes[] = {{"a.text", "with \"quotes\"", 0}, {"a.number", NULL, INT64_MAX}, {0}};
	cJSON *list, *span, *first, *second;

	trace_span_record(&sampled, &(struct trace_span){.name = "GET /a/{id}",
							 .kind = TRACE_SERVER,
							 .started_us = now_us - 5000,
							 .ended_us = now_us,
							 .has_failed = true,
							 .attributes = attributes});
	list = take(1);
	span = cJSON_GetArrayItem(list, 0);
	assert_string_equal(text_of(span, "traceId"), sampled.id);
	assert_string_equal(text_of(span, "spanId"), sampled.span);
	assert_string_equal(text_of(span, "parentSpanId"), "00f067aa0ba902b7");
	assert_string_equal(text_of(span, "name"), "GET /a/{id}");
	assert_int_equal(cJSON_GetObjectItem(span, "kind")->valueint, 2);
	assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(span, "status"), "code")->valueint, 2);
	assert_in_range(ns_of(span, "endTimeUnixNano"), unix_ns - 1000000000, unix_ns + 1000000000);
	assert_in_range(ns_of(span, "endTimeUnixNano") - ns_of(span, "startTimeUnixNano"), 4900000, 5100000);
	first = cJSON_GetArrayItem(cJSON_GetObjectItem(span, "attributes"), 0);
	second = cJSON_GetArrayItem(cJSON_GetObjectItem(span, "attributes"), 1);
	assert_string_equal(text_of(first, "key"), "a.text");
	assert_string_equal(text_of(cJSON_GetObjectItem(first, "value"), "stringValue"), "with \"quotes\"");
	assert_string_equal(text_of(cJSON_GetObjectItem(second, "value"), "intValue"), "9223372036854775807");
	cJSON_Delete(list);
}

static void test_the_first_span_of_a_trace_has_no_parent_and_one_that_did_not_fail_no_status(void **state)
{
	struct trace root = sampled;
	cJSON *list;

	root.parent[0] = '\0';
	record(&root, "root");
	list = take(1);
	assert_null(text_of(cJSON_GetArrayItem(list, 0), "parentSpanId"));
	assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "status"));
	cJSON_Delete(list);
}

static void test_what_is_not_sampled_is_not_recorded(void **state)
{
	struct trace trace = sampled;

	trace.is_sampled = false;
	record(&trace, "none");
	cJSON_Delete(take(0));
}

static void test_a_full_queue_drops_and_counts(void **state)
{
	struct buf text = {0};

	for (int i = 0; i < TRACE_SPANS_MAX + 7; i++)
		record(&sampled, "many");
	cJSON_Delete(take(TRACE_SPANS_MAX));
	trace_spans_count(3, true);
	trace_spans_count(4, false);
	metrics_text(&text);
	assert_non_null(strstr(text.bytes, "\ntrace_spans_dropped_total{reason=\"queue full\"} 7\n"));
	assert_non_null(strstr(text.bytes, "\ntrace_spans_dropped_total{reason=\"not accepted\"} 4\n"));
	assert_non_null(strstr(text.bytes, "\ntrace_spans_exported_total 3\n"));
	buf_free(&text);
	record(&sampled, "there is room again");
	cJSON_Delete(take(1));
}

static void test_a_call_of_a_sampled_request_is_a_span_within_it(void **state)
{
	struct scope scope;
	struct op op;
	cJSON *list;

	scope_init(&scope);
	scope.trace = &sampled;
	op_start(&scope, &op);
	trace_call_record(&op, "postgresql", "users_by_id", clock_monotonic_us(), false);
	op_end(&op);
	list = take(1);
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 0), "name"), "users_by_id");
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 0), "parentSpanId"), sampled.span);
	cJSON_Delete(list);
}

static void test_a_call_of_no_request_or_of_one_that_has_ended_is_not_recorded(void **state)
{
	struct scope scope;
	struct op op;

	scope_init(&scope);
	op_start(&scope, &op);
	trace_call_record(&op, "redis", "jobs_add", 0, false);
	scope.trace = &sampled;
	scope_cancel(&scope);
	trace_call_record(&op, "redis", "jobs_add", 0, false);
	cJSON_Delete(take(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_span_has_the_fields_of_otlp),
		cmocka_unit_test(test_the_first_span_of_a_trace_has_no_parent_and_one_that_did_not_fail_no_status),
		cmocka_unit_test(test_what_is_not_sampled_is_not_recorded),
		cmocka_unit_test(test_a_full_queue_drops_and_counts),
		cmocka_unit_test(test_a_call_of_a_sampled_request_is_a_span_within_it),
		cmocka_unit_test(test_a_call_of_no_request_or_of_one_that_has_ended_is_not_recorded),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

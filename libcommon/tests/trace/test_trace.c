/* Trace Context: the rules of https://www.w3.org/TR/trace-context/ about traceparent, and which traces are sampled. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "trace/trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define ZERO_ID "00000000000000000000000000000000"
#define BEGINNING "00-" ID "-" PARENT

static const char *client = "203.0.113.1";

static struct trace begin(const char *traceparent)
{
	struct trace trace;

	trace_begin(&trace, traceparent, client);
	assert_int_equal(strlen(trace.id), 32);
	assert_int_equal(strlen(trace.span), 16);
	return trace;
}

/* ---- traceparent ---- */

static void test_well_formed_traceparents_are_continued(void **state)
{
	static const char *const rows[] = {
		BEGINNING "-00",
		BEGINNING "-01",
		BEGINNING "-ff",           /* unknown flags */
		"01-" ID "-" PARENT "-01", /* a later version */
		"cc-" ID "-" PARENT "-01", /* and what it adds: */
		"cc-" ID "-" PARENT "-01-",
		"cc-" ID "-" PARENT "-01-what-the-future-will-be-like",
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trace trace = begin(rows[i]);

		assert_string_equal(trace.id, ID);
		assert_string_equal(trace.parent, PARENT);
		assert_string_not_equal(trace.span, PARENT);
	}
}

static void test_malformed_traceparents_begin_a_trace(void **state)
{
	static const char *const rows[] = {
		NULL,
		"",
		"00",
		BEGINNING,
		BEGINNING "-",
		BEGINNING "-0",
		BEGINNING "-01-", /* version 00 has an end */
		BEGINNING "-01.",
		BEGINNING "-01-what-the-future-will-be-like",
		"cc-" ID "-" PARENT "-01.what", /* no later version goes on like that */
		"cc-" ID "-" PARENT "-010",
		"ff-" ID "-" PARENT "-01", /* invalid */
		".0-" ID "-" PARENT "-01",
		"0.-" ID "-" PARENT "-01",
		"0-" ID "-" PARENT "-01",
		"CC-" ID "-" PARENT "-01", /* upper case */
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
		"00-" ID "-00F067AA0BA902B7-01",
		BEGINNING "-0A",
		"00-" ZERO_ID "-" PARENT "-01", /* zeros stand for none */
		"00-" ID "-0000000000000000-01",
		"00-.bf92f3577b34da6a3ce929d0e0e4736-" PARENT "-01",
		"00-" ID "-.0f067aa0ba902b7-01",
		BEGINNING "-.0",
		BEGINNING "-0.",
		"00-" ID PARENT "-01", /* a dash less */
		"00_" ID "-" PARENT "-01",
		"00-" ID "_" PARENT "-01",
		BEGINNING "_01",
		" " BEGINNING "-01",
		BEGINNING "-01 ",
		"00-" ID "-" PARENT "0-01", /* a digit more */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trace trace = begin(rows[i]);

		if (strcmp(trace.id, ID) == 0)
			fail_msg("%s was taken for a traceparent", rows[i]);
		assert_string_equal(trace.parent, "");
	}
}

static void test_what_is_handed_on_is_read_again(void **state)
{
	struct trace trace = begin(BEGINNING "-00"), other;
	char text[TRACE_PARENT_BYTES];

	trace_format(&trace, text);
	assert_int_equal(strlen(text), TRACE_PARENT_BYTES - 1);
	trace_continue(&other, text);
	assert_string_equal(other.id, ID);
	assert_string_equal(other.parent, trace.span);
}

static void test_without_a_trace_nothing_is_handed_on_or_logged(void **state)
{
	struct trace none, child;
	char text[TRACE_PARENT_BYTES];

	trace_continue(&none, NULL);
	trace_format(&none, text);
	assert_string_equal(text, "");
	assert_null(trace_logged_id(&none));
	trace_child(&child, &none);
	assert_null(trace_logged_id(&child));
	trace_continue(&none, "of another version");
	assert_null(trace_logged_id(&none));
}

static void test_a_child_is_another_span_of_the_trace(void **state)
{
	struct trace trace = begin(NULL), child;

	trace_child(&child, &trace);
	assert_string_equal(child.id, trace.id);
	assert_string_equal(child.parent, trace.span);
	assert_string_not_equal(child.span, trace.span);
	assert_string_equal(trace_logged_id(&child), trace.id);
}

/* ---- sampling; the first test before it is enabled ---- */

static void test_nothing_is_sampled_unless_it_is_enabled(void **state)
{
	struct trace trace = begin(BEGINNING "-01");

	assert_false(trace.is_sampled);
	assert_null(trace_sampled_id(&trace));
	trace_continue(&trace, BEGINNING "-01");
	assert_false(trace.is_sampled);
}

static int sampled_of(int count, const char *traceparent)
{
	int sampled = 0;

	for (int i = 0; i < count; i++)
		sampled += begin(traceparent).is_sampled;
	return sampled;
}

static void test_the_ratio_is_that_of_the_sampled(void **state)
{
	int sampled;

	trace_enable(1);
	assert_int_equal(sampled_of(1000, NULL), 1000);
	trace_enable(0.25);
	sampled = sampled_of(10000, NULL); /* further from 2,500 than that once in 10^30 */
	assert_in_range(sampled, 2000, 3000);
	sampled = sampled_of(10000, BEGINNING "-00");
	assert_in_range(sampled, 2000, 3000);
}

/* So that what a client asked for in an earlier second does not count. */
static void await_a_new_second(void)
{
	int64_t second = clock_monotonic_us() / 1000000;

	while (clock_monotonic_us() / 1000000 == second)
		;
}

static void test_without_the_flag_nothing_is_sampled_because_a_client_asked(void **state)
{
	trace_enable(0);
	assert_int_equal(sampled_of(100, BEGINNING "-00"), 0);
	assert_int_equal(sampled_of(100, BEGINNING "-02"), 0);
}

static void test_one_client_has_few_traces_sampled_in_a_second_and_leaves_some_to_others(void **state)
{
	trace_enable(0);
	await_a_new_second();
	client = "203.0.113.1";
	assert_int_equal(sampled_of(10 * TRACE_ASKED_MAX, BEGINNING "-03"), TRACE_ASKED_OF_ONE);
	client = "203.0.113.2";
	assert_int_equal(sampled_of(10 * TRACE_ASKED_MAX, BEGINNING "-03"), TRACE_ASKED_OF_ONE);
}

static void test_all_clients_together_have_few_traces_sampled_in_a_second(void **state)
{
	char name[24];
	int sampled = 0;

	trace_enable(0);
	await_a_new_second();
	client = name;
	for (int i = 0; i < 10 * TRACE_ASKED_MAX; i++) {
		snprintf(name, sizeof name, "198.51.100.%d", i);
		sampled += begin(BEGINNING "-03").is_sampled;
	}
	client = "203.0.113.1";
	assert_int_equal(sampled, TRACE_ASKED_MAX);
}

static void test_what_a_service_of_ours_sampled_is_sampled_however_often(void **state)
{
	struct trace trace;

	trace_enable(0);
	for (int i = 0; i < 10 * TRACE_ASKED_MAX; i++) {
		trace_continue(&trace, BEGINNING "-01");
		assert_string_equal(trace_sampled_id(&trace), ID);
		trace_continue(&trace, BEGINNING "-00");
		assert_false(trace.is_sampled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_sampled_unless_it_is_enabled),
		cmocka_unit_test(test_well_formed_traceparents_are_continued),
		cmocka_unit_test(test_malformed_traceparents_begin_a_trace),
		cmocka_unit_test(test_what_is_handed_on_is_read_again),
		cmocka_unit_test(test_without_a_trace_nothing_is_handed_on_or_logged),
		cmocka_unit_test(test_a_child_is_another_span_of_the_trace),
		cmocka_unit_test(test_the_ratio_is_that_of_the_sampled),
		cmocka_unit_test(test_without_the_flag_nothing_is_sampled_because_a_client_asked),
		cmocka_unit_test(test_one_client_has_few_traces_sampled_in_a_second_and_leaves_some_to_others),
		cmocka_unit_test(test_all_clients_together_have_few_traces_sampled_in_a_second),
		cmocka_unit_test(test_what_a_service_of_ours_sampled_is_sampled_however_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

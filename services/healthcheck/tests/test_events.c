/* Health as it changes, and the events that record it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "record/events.h"

static struct events events;
static struct watched users, values;

static int set_up(void **state)
{
	events = (struct events){0};
	users = (struct watched){.service = "users", .instance = "users-1"};
	values = (struct watched){.service = "values", .instance = "values-1"};
	return 0;
}

static const struct event_entry *latest(unsigned back)
{
	const struct event_entry *entry = events_latest(&events, back);

	assert_non_null(entry);
	return entry;
}

static void test_being_up_when_first_seen_is_no_event(void **state)
{
	assert_true(events_note(&events, &users, HEALTH_UP, "", 1000));
	assert_int_equal(events.count, 0);
	assert_null(events_latest(&events, 0));
	assert_int_equal(users.health, HEALTH_UP);
	assert_int_equal(users.since_ms, 1000);
	assert_int_equal(users.last_seen_ms, 1000);
}

static void test_being_down_when_first_seen_is_an_event(void **state)
{
	assert_true(events_note(&events, &users, HEALTH_DOWN, "refused", 1000));
	assert_int_equal(events.count, 1);
	assert_int_equal(latest(0)->was, HEALTH_UNKNOWN);
	assert_string_equal(latest(0)->reason, "refused");
	assert_int_equal(users.last_seen_ms, 0);
}

static void test_the_same_health_again_is_no_event_but_updates_the_reason(void **state)
{
	events_note(&events, &users, HEALTH_DOWN, "refused", 1000);
	assert_false(events_note(&events, &users, HEALTH_DOWN, "no answer in time", 2000));
	assert_int_equal(events.count, 1);
	assert_string_equal(latest(0)->reason, "refused");
	assert_string_equal(users.reason, "no answer in time");
	assert_int_equal(users.since_ms, 1000);
}

static void test_an_event_lasts_until_the_next_event_of_the_same_instance(void **state)
{
	events_note(&events, &users, HEALTH_UP, "", 1000);
	events_note(&events, &users, HEALTH_DOWN, "refused", 2000);
	events_note(&events, &values, HEALTH_DOWN, "refused", 3000);
	assert_int_equal(latest(1)->ended_ms, 0);
	events_note(&events, &users, HEALTH_UP, "", 5000);
	assert_int_equal(events.count, 3);
	assert_int_equal(latest(0)->health, HEALTH_UP);
	assert_int_equal(latest(0)->was, HEALTH_DOWN);
	assert_int_equal(latest(0)->ended_ms, 0);
	assert_int_equal(latest(1)->ended_ms, 0); /* values' */
	assert_int_equal(latest(2)->ended_ms, 5000);
}

static void test_a_restart_between_two_rounds_is_an_event_and_changes_nothing_else(void **state)
{
	events_note(&events, &users, HEALTH_UP, "", 1000);
	events_note_restart(&events, &users, 2000);
	assert_int_equal(latest(0)->health, HEALTH_UP);
	assert_int_equal(latest(0)->was, HEALTH_DOWN);
	assert_string_equal(latest(0)->reason, "restarted between two rounds");
	assert_int_equal(users.since_ms, 1000);
	assert_string_equal(users.reason, "");
}

static void test_forgetting_an_instance_ends_its_latest_event(void **state)
{
	events_note(&events, &users, HEALTH_DOWN, "refused", 1000);
	events_forget(&events, &users, 4000);
	assert_int_equal(latest(0)->ended_ms, 4000);
	events_forget(&events, &users, 5000);
	assert_int_equal(latest(0)->ended_ms, 4000);
	events_forget(&events, &values, 5000); /* it has no event */
	assert_int_equal(events.count, 1);
}

static void test_the_ring_holds_the_latest_events_and_an_overwritten_one_is_not_ended(void **state)
{
	events_note(&events, &users, HEALTH_DOWN, "refused", 1000);
	for (int i = 0; i < EVENTS_MAX; i++)
		events_note(&events, &values, i % 2 ? HEALTH_UP : HEALTH_DOWN, "", 2000 + i);
	assert_int_equal(events.count, EVENTS_MAX + 1);
	assert_string_equal(latest(EVENTS_MAX - 1)->instance, "values-1");
	assert_null(events_latest(&events, EVENTS_MAX));
	events_note(&events, &users, HEALTH_UP, "", 9000);
	for (unsigned i = 1; i < EVENTS_MAX; i++)
		assert_true(latest(i)->ended_ms < 9000);
}

static void test_long_reasons_are_cut_off(void **state)
{
	char reason[300];

	memset(reason, 'x', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	events_note(&events, &users, HEALTH_DOWN, reason, 1000);
	assert_int_equal(strlen(latest(0)->reason), REASON_BYTES - 1);
}

static void test_an_admin_acknowledges_an_event_and_changes_the_note(void **state)
{
	const struct event_entry *entry;

	events_note(&events, &users, HEALTH_DOWN, "refused", 1000);
	entry = events_acknowledge(&events, latest(0)->id, "maxm", "on it", 2000);
	assert_ptr_equal(entry, latest(0));
	assert_int_equal(entry->acknowledged_ms, 2000);
	assert_string_equal(entry->acknowledged_by, "maxm");
	assert_string_equal(entry->note, "on it");
	events_acknowledge(&events, latest(0)->id, "gabi", "", 3000);
	assert_string_equal(latest(0)->acknowledged_by, "gabi");
	assert_string_equal(latest(0)->note, "");
}

static void test_an_event_that_is_not_in_the_ring_is_not_acknowledged(void **state)
{
	assert_null(events_acknowledge(&events, 0, "maxm", "", 1000)); /* as an unused place of the ring has it */
	events_note(&events, &users, HEALTH_DOWN, "", 1000);
	assert_null(events_acknowledge(&events, latest(0)->id + 1, "maxm", "", 1000));
	assert_int_equal(latest(0)->acknowledged_ms, 0);
}

static void test_no_two_events_have_one_id_although_they_are_of_one_millisecond_or_the_clock_is_set_back(void **state)
{
	int64_t first, second;

	events_note(&events, &users, HEALTH_DOWN, "", 1000);
	first = latest(0)->id;
	events_note(&events, &values, HEALTH_DOWN, "", 1000);
	second = latest(0)->id;
	events_note(&events, &users, HEALTH_UP, "", 500);
	assert_true(first < second && second < latest(0)->id);
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_being_up_when_first_seen_is_no_event),
		TEST(test_being_down_when_first_seen_is_an_event),
		TEST(test_the_same_health_again_is_no_event_but_updates_the_reason),
		TEST(test_an_event_lasts_until_the_next_event_of_the_same_instance),
		TEST(test_a_restart_between_two_rounds_is_an_event_and_changes_nothing_else),
		TEST(test_forgetting_an_instance_ends_its_latest_event),
		TEST(test_the_ring_holds_the_latest_events_and_an_overwritten_one_is_not_ended),
		TEST(test_long_reasons_are_cut_off),
		TEST(test_an_admin_acknowledges_an_event_and_changes_the_note),
		TEST(test_an_event_that_is_not_in_the_ring_is_not_acknowledged),
		TEST(test_no_two_events_have_one_id_although_they_are_of_one_millisecond_or_the_clock_is_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

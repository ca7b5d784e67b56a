/* Revocations that are confirmed, on a real Redis: when the publisher's callback runs, no follower accepts the token. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/revocations_publisher.h"
#include "tests/auth/revocations_fixture.h"

#define FOLLOWERS 3
#define LEASE_S 1
#define LEASE_US (LEASE_S * 1000000LL)
#define LIMIT_MS 30000
#define STRANGER "0123456789abcdef0123456789abcdef" /* a follower that the test makes up */

static struct revocations_publisher *publisher;
static struct revocations *followers[FOLLOWERS];
static struct event_base *stoppable; /* of a follower that does not run unless the test lets it */

static int set_up(void **state)
{
	struct revocations_config config = {.lease_s = LEASE_S, .lifetime_s = LIFETIME_S};
	struct redis_config redis_config = fixture_config();

	revocations_set_up(state);
	memset(followers, 0, sizeof followers);
	stoppable = loop_new();
	publisher = revocations_publisher_new(base, &redis_config, redis, &config);
	return 0;
}

static int tear_down(void **state)
{
	revocations_publisher_free(publisher);
	for (int i = 0; i < FOLLOWERS; i++)
		revocations_free(followers[i]);
	event_base_loop(stoppable, EVLOOP_NONBLOCK);
	event_base_free(stoppable);
	return revocations_tear_down(state);
}

#define CONFIRMED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ---- doing ---- */

static void follow(int n, struct event_base *on, long lease_s)
{
	struct revocations_config config = {.lease_s = lease_s, .lifetime_s = LIFETIME_S};
	struct redis_config redis_config = fixture_config();

	set_complete();
	followers[n] = revocations_new(on, &redis_config, &config);
	while (!revocations_is_ready(followers[n])) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		event_base_loop(on, EVLOOP_NONBLOCK);
	}
}

static void follow_all(long lease_s)
{
	for (int i = 0; i < FOLLOWERS; i++)
		follow(i, base, lease_s);
}

/* As a publisher does that has seen the table for a whole lease. */
static void settle(void)
{
	struct answer answer = {0};

	revocations_publish(redis, &scope, NULL, 0, LIFETIME_S, fixture_answered, &answer);
	WAIT_FOR(answer.is_there);
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, "#settled", "1");
}

struct confirmation {
	struct jwt_claims token;
	bool is_there;
	enum status status;
	int64_t asked_us, after_us;
};

static void confirmed(enum status status, void *arg)
{
	struct confirmation *confirmation = arg;

	assert_false(confirmation->is_there);
	confirmation->is_there = true;
	confirmation->status = status;
	confirmation->after_us = clock_monotonic_us() - confirmation->asked_us;
	for (int i = 0; status == STATUS_OK && i < FOLLOWERS; i++)
		if (followers[i])
			assert_int_not_equal(revocations_check(followers[i], &confirmation->token), REVOCATION_NONE);
}

static void ask(struct confirmation *confirmation, uint8_t number, long limit_ms)
{
	struct revocation revocation;

	*confirmation = (struct confirmation){.token = token_of(1, now_ms, number), .asked_us = clock_monotonic_us()};
	revocation = of_token(confirmation->token);
	revocations_publish_confirmed(publisher, &scope, &revocation, limit_ms, confirmed, confirmation);
	assert_false(confirmation->is_there);
}

static struct confirmation ask_and_wait(long limit_ms)
{
	struct confirmation confirmation;

	ask(&confirmation, 1, limit_ms);
	WAIT_FOR(confirmation.is_there);
	return confirmation;
}

/* ---- confirmed ---- */

/* Several at once fall into one turn of a follower's loop, where an entry is read while the next one comes. */
static void test_when_a_revocation_is_confirmed_every_follower_refuses_the_token(void **state)
{
	struct confirmation confirmations[200];

	follow_all(MAX_AGE_S);
	settle();
	for (int i = 0; i < 200; i += 4) {
		for (int k = i; k < i + 4; k++)
			ask(&confirmations[k], (uint8_t)k, LIMIT_MS);
		WAIT_FOR(confirmations[i + 1].is_there);
	}
	for (int i = 0; i < 200; i++) {
		WAIT_FOR(confirmations[i].is_there);
		assert_int_equal(confirmations[i].status, STATUS_OK);
	}
}

static void test_without_followers_a_revocation_is_confirmed(void **state)
{
	settle();
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
}

/* By the table, which is read while something waits. */
static void test_when_announcements_are_lost_a_revocation_is_confirmed_nevertheless(void **state)
{
	struct confirmation confirmation;

	follow_all(MAX_AGE_S);
	settle();
	BESIDE("CLIENT", "KILL", "TYPE", "pubsub");
	ask(&confirmation, 1, LIMIT_MS);
	WAIT_FOR(confirmation.is_there);
	assert_int_equal(confirmation.status, STATUS_OK);
}

static void test_a_cancelled_revocation_has_no_callback(void **state)
{
	struct confirmation cancelled, other;
	struct scope own;
	struct revocation revocation = of_token(token_of(1, now_ms, 2));

	scope_init(&own);
	settle();
	cancelled = (struct confirmation){0};
	revocations_publish_confirmed(publisher, &own, &revocation, LIMIT_MS, confirmed, &cancelled);
	scope_cancel(&own);
	ask(&other, 1, LIMIT_MS);
	WAIT_FOR(other.is_there);
	assert_false(cancelled.is_there);
}

/* ---- followers that do not answer ---- */

/* As a process that is stopped by a signal and continues: its clock has gone on, and it has read nothing. */
static void test_a_stopped_follower_refuses_when_it_continues(void **state)
{
	struct confirmation confirmation;

	follow(0, stoppable, LEASE_S);
	settle();
	ask(&confirmation, 1, LIMIT_MS);
	assert_int_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_NONE);
	WAIT_FOR(confirmation.is_there);
	assert_int_equal(confirmation.status, STATUS_OK);
	assert_int_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_UNKNOWN);
	while (!revocations_is_ready(followers[0])) {
		assert_int_not_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_NONE);
		event_base_loop(stoppable, EVLOOP_ONCE);
	}
	assert_int_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_REVOKED);
}

static void test_a_killed_follower_is_waited_for_as_long_as_its_lease(void **state)
{
	struct confirmation confirmation;

	follow(0, base, LEASE_S);
	settle();
	revocations_free(followers[0]);
	followers[0] = NULL;
	confirmation = ask_and_wait(LIMIT_MS);
	assert_int_equal(confirmation.status, STATUS_OK);
	assert_true(BESIDE("HLEN", REVOCATIONS_FOLLOWERS) == 2); /* #table and #settled */
}

static void test_a_silent_follower_is_not_removed_before_its_lease_is_over(void **state)
{
	struct confirmation confirmation;

	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, "1 0-0 1500 made-up");
	confirmation = ask_and_wait(LIMIT_MS);
	assert_int_equal(confirmation.status, STATUS_OK);
	assert_true(confirmation.after_us > 1500000);
}

static void test_a_follower_that_left_is_not_waited_for(void **state)
{
	struct answer answer = {0};

	follow(0, base, MAX_AGE_S);
	settle();
	revocations_leave(followers[0], redis, &scope, fixture_answered, &answer);
	assert_int_equal(revocations_check(followers[0], &(struct jwt_claims){0}), REVOCATION_UNKNOWN);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.integer, 1);
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
}

static void test_a_follower_that_was_cut_off_is_waited_for_until_it_has_read_on(void **state)
{
	struct confirmation confirmation;

	follow(0, base, MAX_AGE_S);
	settle();
	revocations = followers[0];
	kill_follower();
	confirmation = ask_and_wait(LIMIT_MS);
	revocations = NULL;
	assert_int_equal(confirmation.status, STATUS_OK);
	assert_int_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_REVOKED);
}

static void test_a_follower_that_renews_and_confirms_nothing_makes_a_revocation_unconfirmed(void **state)
{
	struct confirmation confirmation;
	int64_t beat = 0;

	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, "0 0-0 1000 made-up");
	ask(&confirmation, 1, 2500);
	while (!confirmation.is_there) {
		char *value = mem_printf("%lld 0-0 1000 made-up", (long long)++beat);

		BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, value);
		free(value);
		event_base_loop(base, EVLOOP_ONCE);
	}
	assert_int_equal(confirmation.status, STATUS_UNAVAILABLE);
	assert_true(confirmation.after_us > 2500000);
}

/* ---- what Redis loses ---- */

static void test_a_new_table_confirms_nothing_before_a_lease_is_over(void **state)
{
	struct confirmation confirmation = ask_and_wait(LIMIT_MS);

	assert_int_equal(confirmation.status, STATUS_OK);
	assert_true(confirmation.after_us > LEASE_US);
	assert_true(ask_and_wait(LIMIT_MS).after_us < LEASE_US);
}

/* users was restarted with a shorter REVOCATIONS_MAX_AGE_SECONDS than the follower, which is cut off when Redis is emptied. */
static void test_a_new_table_confirms_nothing_before_the_longest_lease_of_the_former_one_is_over(void **state)
{
	struct confirmation confirmation;

	follow(0, stoppable, 2 * LEASE_S);
	settle();
	ask(&confirmation, 1, 1); /* by whose reply the publisher knows the follower */
	WAIT_FOR(confirmation.is_there);
	BESIDE("FLUSHDB");
	confirmation = ask_and_wait(LIMIT_MS);
	assert_int_equal(confirmation.status, STATUS_OK);
	assert_int_equal(revocations_check(followers[0], &confirmation.token), REVOCATION_UNKNOWN);
}

static void test_a_revocation_that_waits_while_redis_is_emptied_is_not_confirmed(void **state)
{
	struct confirmation confirmation;

	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, "1 0-0 60000 made-up");
	ask(&confirmation, 1, LIMIT_MS);
	WAIT_FOR(BESIDE("XLEN", REVOCATIONS_STREAM) == 1);
	BESIDE("FLUSHDB");
	WAIT_FOR(confirmation.is_there);
	assert_int_equal(confirmation.status, STATUS_UNAVAILABLE);
}

static void test_a_revocation_that_waits_while_the_stream_is_deleted_is_not_confirmed(void **state)
{
	struct confirmation confirmation;

	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, "1 0-0 60000 made-up");
	ask(&confirmation, 1, LIMIT_MS);
	WAIT_FOR(BESIDE("XLEN", REVOCATIONS_STREAM) == 1);
	BESIDE("DEL", REVOCATIONS_STREAM);
	WAIT_FOR(confirmation.is_there);
	assert_int_equal(confirmation.status, STATUS_UNAVAILABLE);
	assert_true(confirmation.after_us < LIMIT_MS * 1000);
}

static void test_a_follower_joins_again_after_redis_was_emptied(void **state)
{
	follow(0, base, LEASE_S);
	BESIDE("FLUSHDB");
	WAIT_FOR(!revocations_is_ready(followers[0])); /* nothing proves that the stream is complete */
	set_complete();
	WAIT_FOR(revocations_is_ready(followers[0]));
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
}

static void publish_and_lose(struct confirmation *confirmation, const char *stranger)
{
	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, stranger);
	ask(confirmation, 1, LIMIT_MS);
	WAIT_FOR(BESIDE("XLEN", REVOCATIONS_STREAM) == 1);
	fixture_kill();
}

static void test_a_revocation_that_waits_while_redis_is_away_is_not_confirmed(void **state)
{
	struct confirmation confirmation;

	publish_and_lose(&confirmation, "1 0-0 60000 made-up");
	BESIDE("CLIENT", "PAUSE", "1500"); /* the next connection is not ready before */
	WAIT_FOR(confirmation.is_there);
	assert_int_equal(confirmation.status, STATUS_UNAVAILABLE);
}

static void test_a_lost_connection_confirms_nothing_before_the_lease_is_over(void **state)
{
	struct confirmation confirmation;

	publish_and_lose(&confirmation, "1 0-0 1000 made-up");
	WAIT_FOR(confirmation.is_there);
	assert_true(confirmation.status == STATUS_OK ? confirmation.after_us > LEASE_US
						     : confirmation.status == STATUS_UNAVAILABLE);
}

/* ---- whatever stands in the keys ---- */

static void test_a_table_of_another_type_is_made_anew(void **state)
{
	BESIDE("SET", REVOCATIONS_FOLLOWERS, "no table");
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
}

static void test_a_table_of_another_life_of_redis_is_made_anew(void **state)
{
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, "#table", "0123456789012345678901234567890123456789.1.1", "#settled", "1");
	assert_true(ask_and_wait(LIMIT_MS).after_us > LEASE_US);
}

static void test_other_fields_of_the_table_are_ignored(void **state)
{
	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, "operator", "was here", "", "", "#", "#");
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
	assert_int_equal(BESIDE("HEXISTS", REVOCATIONS_FOLLOWERS, "operator"), 1);
}

static void test_a_follower_whose_value_is_none_is_removed_after_a_lease(void **state)
{
	static const char *const values[] = {
		"", "nonsense", "1 2 3", "1 99999999999999999999-1 1000 x", "1 0-0 -5 x", "1 0-0 99999999999999999 x"};

	settle();
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char name[33];

		snprintf(name, sizeof name, "%032zx", i);
		BESIDE("HSET", REVOCATIONS_FOLLOWERS, name, values[i]);
	}
	assert_int_equal(ask_and_wait(LIMIT_MS).status, STATUS_OK);
}

static void test_announcements_that_can_not_be_read_change_nothing(void **state)
{
	settle();
	BESIDE("HSET", REVOCATIONS_FOLLOWERS, STRANGER, "1 0-0 1000 made-up");
	for (int i = 0; i < 3; i++)
		BESIDE("PUBLISH", REVOCATIONS_CHANNEL, (const char *[]){"", "x " STRANGER " 99999999999999-0", "nonsense"}[i]);
	assert_true(ask_and_wait(LIMIT_MS).after_us > LEASE_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIRMED_TEST(test_when_a_revocation_is_confirmed_every_follower_refuses_the_token),
		CONFIRMED_TEST(test_without_followers_a_revocation_is_confirmed),
		CONFIRMED_TEST(test_when_announcements_are_lost_a_revocation_is_confirmed_nevertheless),
		CONFIRMED_TEST(test_a_cancelled_revocation_has_no_callback),
		CONFIRMED_TEST(test_a_stopped_follower_refuses_when_it_continues),
		CONFIRMED_TEST(test_a_killed_follower_is_waited_for_as_long_as_its_lease),
		CONFIRMED_TEST(test_a_silent_follower_is_not_removed_before_its_lease_is_over),
		CONFIRMED_TEST(test_a_follower_that_left_is_not_waited_for),
		CONFIRMED_TEST(test_a_follower_that_was_cut_off_is_waited_for_until_it_has_read_on),
		CONFIRMED_TEST(test_a_follower_that_renews_and_confirms_nothing_makes_a_revocation_unconfirmed),
		CONFIRMED_TEST(test_a_new_table_confirms_nothing_before_a_lease_is_over),
		CONFIRMED_TEST(test_a_new_table_confirms_nothing_before_the_longest_lease_of_the_former_one_is_over),
		CONFIRMED_TEST(test_a_revocation_that_waits_while_redis_is_emptied_is_not_confirmed),
		CONFIRMED_TEST(test_a_revocation_that_waits_while_the_stream_is_deleted_is_not_confirmed),
		CONFIRMED_TEST(test_a_follower_joins_again_after_redis_was_emptied),
		CONFIRMED_TEST(test_a_revocation_that_waits_while_redis_is_away_is_not_confirmed),
		CONFIRMED_TEST(test_a_lost_connection_confirms_nothing_before_the_lease_is_over),
		CONFIRMED_TEST(test_a_table_of_another_type_is_made_anew),
		CONFIRMED_TEST(test_a_table_of_another_life_of_redis_is_made_anew),
		CONFIRMED_TEST(test_other_fields_of_the_table_are_ignored),
		CONFIRMED_TEST(test_a_follower_whose_value_is_none_is_removed_after_a_lease),
		CONFIRMED_TEST(test_announcements_that_can_not_be_read_change_nothing),
	};

	return fixture_run("auth/io_revocations_confirmed", tests, sizeof tests / sizeof *tests);
}

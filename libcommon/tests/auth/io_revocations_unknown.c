/* How a process judges tokens while it does not know the revocations: before the stream is complete, while it reads, and after
 * it lost Redis. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/auth/revocations_fixture.h"

static struct jwt_claims revoked, other;

static void start_revoked(long max_age_s)
{
	revoked = token_of(1, now_ms, 1);
	other = token_of(1, now_ms, 2);
	publish_one(of_token(revoked));
	start(max_age_s);
	WAIT_FOR(follower());
}

/* ---- before the stream is complete ---- */

static void test_before_it_has_connected_nothing_is_known(void **state)
{
	set_complete();
	start(MAX_AGE_S);
	assert_false(revocations_is_ready(revocations));
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
}

static void test_while_the_stream_is_not_complete_nothing_is_known(void **state)
{
	start_revoked(MAX_AGE_S);
	assert_false(revocations_is_ready(revocations));
	assert_int_equal(check(revoked), REVOCATION_UNKNOWN);
	assert_int_equal(check(other), REVOCATION_UNKNOWN);
}

static void test_a_complete_stream_is_known_at_once(void **state)
{
	int64_t begin_us;

	start_revoked(MAX_AGE_S);
	begin_us = clock_monotonic_us();
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(revoked), REVOCATION_REVOKED);
	assert_int_equal(check(other), REVOCATION_NONE);
	assert_true(clock_monotonic_us() - begin_us < 2000000); /* and not when the time of XREAD is over */
}

static void test_a_complete_stream_without_entries_is_known_at_once(void **state)
{
	int64_t begin_us = clock_monotonic_us();

	prove(LIFETIME_S, MAX_AGE_S * 1000L);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_NONE);
	assert_true(clock_monotonic_us() - begin_us < 2000000);
}

static void add_users(int n)
{
	char until[24], user[16];

	snprintf(until, sizeof until, "%lld", (long long)now_ms);
	for (int i = 1; i <= n; i++) {
		snprintf(user, sizeof user, "%d", i);
		BESIDE("XADD", "revocations", "*", "user", user, "until", until, "inactive", "0", "expires", "9999999999");
	}
}

/* All entries come at once, more than two batches: in no turn of the loop may the last token be good. */
static void test_while_it_reads_the_stream_no_revoked_token_is_good(void **state)
{
	enum revocation_verdict verdict;

	start_revoked(MAX_AGE_S);
	add_users(3000);
	set_complete();
	do {
		event_base_loop(base, EVLOOP_ONCE);
		verdict = check(token_of(3000, now_ms, 3)); /* not the jti of the one revoked */
		assert_int_not_equal(verdict, REVOCATION_NONE);
	} while (verdict == REVOCATION_UNKNOWN);
	assert_int_equal(verdict, REVOCATION_REVOKED);
}

static void test_a_process_is_loading_from_the_thousandth_entry_until_it_trusts_its_copy(void **state)
{
	add_users(999);
	start(MAX_AGE_S);
	WAIT_FOR(follower());
	assert_false(revocations_is_loading(revocations));
	add_users(1);
	WAIT_FOR(revocations_is_loading(revocations));
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
	assert_false(revocations_is_loading(revocations));
}

static void test_a_process_that_reads_the_stream_anew_has_loaded_nothing(void **state)
{
	add_users(1000);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_loading(revocations));
	BESIDE("DEL", REVOCATIONS_STREAM);
	kill_follower();
	WAIT_FOR(!revocations_is_loading(revocations));
}

/* ---- lost ---- */

static void know_revoked(long max_age_s)
{
	start_revoked(max_age_s);
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
}

static void test_after_a_lost_connection_it_trusts_its_copy(void **state)
{
	int64_t until_us;

	know_revoked(MAX_AGE_S);
	kill_follower();
	until_us = clock_monotonic_us() + 200000; /* it notices, and is back */
	while (clock_monotonic_us() < until_us) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(check(revoked), REVOCATION_REVOKED);
		assert_int_equal(check(other), REVOCATION_NONE);
	}
}

/* Redis does not answer the next connection for longer than a lease of a second. */
static void cut_off(void)
{
	kill_follower();
	BESIDE("CLIENT", "PAUSE", "1500");
}

static void test_after_the_maximum_age_without_a_connection_nothing_is_known(void **state)
{
	know_revoked(1);
	assert_int_equal(check(other), REVOCATION_NONE);
	cut_off();
	WAIT_FOR(check(other) == REVOCATION_UNKNOWN);
	assert_int_equal(check(revoked), REVOCATION_UNKNOWN);
	assert_false(revocations_is_ready(revocations));
}

static void test_after_reconnecting_it_knows_again(void **state)
{
	know_revoked(1);
	cut_off();
	WAIT_FOR(check(other) == REVOCATION_UNKNOWN);
	WAIT_FOR(check(other) == REVOCATION_NONE);
	assert_int_equal(check(revoked), REVOCATION_REVOKED);
}

static void test_after_reconnecting_it_does_not_know_before_it_has_read_what_it_missed(void **state)
{
	char jti[37];

	know_revoked(1);
	jwt_jti_format(other.jti, jti);
	kill_follower();
	BESIDE("XADD", "revocations", "*", "token", jti, "inactive", "0", "expires", "9999999999");
	BESIDE("CLIENT", "PAUSE", "1500");
	WAIT_FOR(check(other) == REVOCATION_UNKNOWN);
	while (check(other) == REVOCATION_UNKNOWN)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(check(other), REVOCATION_REVOKED);
}

/* By an operator, or a Redis that changes its role. */
static void test_after_an_error_reply_it_reads_on(void **state)
{
	char id[24];

	know_revoked(MAX_AGE_S);
	WAIT_FOR(follower());
	snprintf(id, sizeof id, "%lld", follower());
	assert_int_equal(BESIDE("CLIENT", "UNBLOCK", id, "ERROR"), 1);
	publish_one(of_token(other));
	WAIT_FOR(check(other) == REVOCATION_REVOKED);
}

/* NOPERM stands for every error that is not ours: the connection stays, so nothing but reading again gets the next entry. */
static void test_a_redis_that_refuses_to_be_read_is_asked_again(void **state)
{
	struct redis_config config = fixture_config();
	struct redis_address address;
	char url[300];
	int64_t until_us;

	assert_int_equal(redis_url_parse(config.url, &address), STATUS_OK);
	snprintf(url, sizeof url, "redis://io_revocations:secret@%s:%d/%d", address.host, address.port, address.database);
	redis_address_free(&address);
	config.url = url;
	BESIDE("ACL", "SETUSER", "io_revocations", "on", ">secret", "~*", "+@all", "-xread");
	set_complete();
	revocations = revocations_new(base, &config, &publishers_config);
	until_us = clock_monotonic_us() + 300000; /* it connects, and is refused */
	while (clock_monotonic_us() < until_us) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_false(revocations_is_ready(revocations));
	}
	BESIDE("ACL", "SETUSER", "io_revocations", "+xread");
	WAIT_FOR(revocations_is_ready(revocations));
	BESIDE("ACL", "DELUSER", "io_revocations");
}

static void test_a_stream_of_another_type_is_waited_for(void **state)
{
	BESIDE("SET", REVOCATIONS_STREAM, "no stream");
	start(MAX_AGE_S);
	for (int i = 0; i < 5; i++) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
	}
	BESIDE("DEL", REVOCATIONS_STREAM);
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
}

/* ---- an emptied Redis ---- */

static void test_when_redis_is_emptied_the_copy_stays_and_gets_new_entries(void **state)
{
	int64_t emptied_ms;

	know_revoked(MAX_AGE_S);
	WAIT_FOR(follower());
	BESIDE("FLUSHDB");
	emptied_ms = clock_unix_ms();
	while (clock_unix_ms() <= emptied_ms) /* within one millisecond Redis would give the same ids again */
		;
	assert_int_equal(check(revoked), REVOCATION_REVOKED);
	assert_int_equal(check(other), REVOCATION_NONE);
	publish_one(of_token(other));
	WAIT_FOR(check(other) == REVOCATION_REVOKED);
	assert_int_equal(check(revoked), REVOCATION_REVOKED);
}

static void test_a_process_that_starts_on_an_emptied_redis_knows_nothing_until_the_republication_ends(void **state)
{
	publish_one(of_token(token_of(1, now_ms, 1)));
	set_complete();
	BESIDE("FLUSHDB");
	start_revoked(MAX_AGE_S);
	assert_int_equal(check(revoked), REVOCATION_UNKNOWN);
	set_complete();
	WAIT_FOR(check(revoked) == REVOCATION_REVOKED);
}

/* What was revoked while it was away may be among what was lost. */
static void test_after_reconnecting_to_an_emptied_redis_nothing_is_known_until_the_republication_ends(void **state)
{
	know_revoked(1);
	kill_follower();
	BESIDE("FLUSHDB");
	WAIT_FOR(check(other) == REVOCATION_UNKNOWN);
	WAIT_FOR(follower());
	assert_int_equal(check(other), REVOCATION_UNKNOWN);
	publish_one(of_token(other));
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(other), REVOCATION_REVOKED);
	assert_int_equal(check(revoked), REVOCATION_REVOKED); /* its copy */
}

/* ---- a stream that was deleted, or evicted ---- */

static void expect_unknown(void)
{
	start(MAX_AGE_S);
	WAIT_FOR(follower());
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
	assert_int_equal(BESIDE("HLEN", REVOCATIONS_FOLLOWERS),
			 1); /* its id: no logout waits for a follower that trusts nothing */
}

static void test_a_process_that_starts_after_the_stream_was_deleted_knows_nothing_until_the_republication_ends(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	set_complete();
	publish_one(of_token(token_of(1, now_ms, 1)));
	BESIDE("DEL", REVOCATIONS_STREAM);
	start(MAX_AGE_S);
	WAIT_FOR(follower());
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
	assert_false(begin_republishing(epoch));
	publish_one(of_token(token_of(1, now_ms, 1)));
	assert_true(end_republishing(epoch));
	WAIT_FOR(check(token_of(1, now_ms, 1)) == REVOCATION_REVOKED);
}

static void test_a_stream_that_began_anew_after_it_was_deleted_is_not_complete(void **state)
{
	set_complete();
	publish_one(of_token(token_of(1, now_ms, 1)));
	BESIDE("DEL", REVOCATIONS_STREAM);
	publish_one(of_token(token_of(1, now_ms, 2)));
	expect_unknown();
}

static void test_a_process_that_follows_a_stream_that_is_deleted_trusts_its_copy_until_its_lease_is_over(void **state)
{
	know_revoked(1);
	WAIT_FOR(follower());
	BESIDE("DEL", REVOCATIONS_STREAM);
	assert_int_equal(check(other), REVOCATION_NONE);
	WAIT_FOR(check(other) == REVOCATION_UNKNOWN);
	set_complete();
	WAIT_FOR(check(other) == REVOCATION_NONE);
	assert_int_equal(check(revoked), REVOCATION_REVOKED);
}

/* ---- a stream that is not proven to be complete ---- */

/* As after a restart with a file of a moment before, and after a failover: the proof is older than what is missing. */
static void test_a_proof_of_another_life_of_redis_is_none(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	BESIDE("SET", REVOCATIONS_COMPLETE, "0123456789012345678901234567890123456789.1.1 3600 300000");
	expect_unknown();
	assert_false(begin_republishing(epoch));
	publish_one(of_token(token_of(1, now_ms, 1)));
	assert_true(end_republishing(epoch));
	WAIT_FOR(check(token_of(1, now_ms, 1)) == REVOCATION_REVOKED);
}

static void test_whatever_stands_in_the_place_of_the_proof_is_none(void **state)
{
	static const char *const proofs[] = {"", "1", " 3600 300000", "x 1 1"};

	for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
		BESIDE("SET", REVOCATIONS_COMPLETE, proofs[i]);
		expect_unknown();
		revocations_free(revocations);
		revocations = NULL;
	}
	BESIDE("DEL", REVOCATIONS_COMPLETE);
	BESIDE("LPUSH", REVOCATIONS_COMPLETE, "1");
	expect_unknown();
}

static void start_with_room_for(long max)
{
	struct redis_config redis_config = fixture_config();
	struct revocations_config config = {.lease_s = MAX_AGE_S, .lifetime_s = LIFETIME_S, .max = max};

	revocations = revocations_new(base, &redis_config, &config);
}

static void test_a_process_that_keeps_as_many_revocations_as_it_may_trusts_its_copy(void **state)
{
	for (uint8_t i = 0; i < 3; i++)
		publish_one(of_token(token_of(1, now_ms, i)));
	set_complete();
	start_with_room_for(3);
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(token_of(1, now_ms, 0)), REVOCATION_REVOKED);
	assert_false(revocations_has_given_up(revocations));
}

static void test_a_process_that_gets_more_revocations_than_it_may_keep_knows_nothing(void **state)
{
	set_complete();
	start_with_room_for(3);
	WAIT_FOR(revocations_is_ready(revocations));
	for (uint8_t i = 0; i < 4; i++)
		publish_one(of_token(token_of(1, now_ms, i)));
	WAIT_FOR(!revocations_is_ready(revocations));
	assert_int_equal(check(token_of(1, now_ms, 0)), REVOCATION_UNKNOWN);
	assert_int_equal(check(token_of(2, now_ms, 9)), REVOCATION_UNKNOWN);
	assert_true(revocations_has_given_up(revocations));
}

static int deletions[9];

static void count_deletion(int64_t user_id, void *arg)
{
	deletions[user_id]++;
}

static void test_a_process_that_reads_too_many_again_reports_each_deletion_once(void **state)
{
	memset(deletions, 0, sizeof deletions);
	set_complete();
	start_with_room_for(1);
	revocations_on_deleted(revocations, count_deletion, NULL);
	WAIT_FOR(revocations_is_ready(revocations));
	publish_one(of_user(7, INT64_MAX, true));
	publish_one(of_token(token_of(1, now_ms, 1)));
	WAIT_FOR(!revocations_is_ready(revocations));
	publish_one(of_user(8, INT64_MAX, true));
	fixture_kill();
	WAIT_FOR(deletions[8]);
	assert_int_equal(deletions[7], 1);
}

static void test_no_logout_waits_for_a_process_that_keeps_no_copy(void **state)
{
	set_complete();
	start_with_room_for(1);
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(BESIDE("HLEN", REVOCATIONS_FOLLOWERS), 2); /* it, and the id of the table */
	for (uint8_t i = 0; i < 2; i++)
		publish_one(of_token(token_of(1, now_ms, i)));
	WAIT_FOR(BESIDE("HLEN", REVOCATIONS_FOLLOWERS) == 1);
}

/* ---- versions before the names in braces ---- */

static void test_the_mark_of_an_earlier_versions_table_stays_on_the_stream(void **state)
{
	static const char earlier[] = "0123456789012345678901234567890123456789.1.1";

	BESIDE("XGROUP", "CREATE", REVOCATIONS_STREAM, earlier, "0", "MKSTREAM");
	start_and_know(MAX_AGE_S);
	/* destroyed: 0 */
	assert_int_equal(BESIDE("XGROUP", "DESTROY", REVOCATIONS_STREAM, earlier), 1);
}

static void test_the_flag_that_versions_without_a_table_wait_for_is_set(void **state)
{
	revocations_republished_for_legacy(redis, &scope);
	WAIT_FOR(BESIDE("EXISTS", REVOCATIONS_LEGACY_COMPLETE));
}

/* What an earlier version's table needs as its proof. */
static void test_a_proof_of_an_earlier_version_is_not_overwritten(void **state)
{
	char *proof;

	BESIDE("SET", REVOCATIONS_LEGACY_COMPLETE, "proof");
	revocations_republished_for_legacy(redis, &scope);
	publish_one(of_token(token_of(1, now_ms, 1))); /* on the same connection, so it is answered later */
	proof = BESIDE_TEXT("GET", REVOCATIONS_LEGACY_COMPLETE);
	assert_string_equal(proof, "proof");
	free(proof);
}

static void test_a_stream_that_keeps_revocations_for_less_than_a_lifetime_is_not_trusted(void **state)
{
	prove(LIFETIME_S - 1, MAX_AGE_S * 1000L);
	expect_unknown();
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
}

/* It may wait for ever, and its service would be ready all that time. */
static void test_a_process_whose_lifetime_users_does_not_publish_for_is_not_loading(void **state)
{
	prove(LIFETIME_S - 1, MAX_AGE_S * 1000L);
	add_users(1000);
	start(MAX_AGE_S);
	WAIT_FOR(follower()); /* it has read them, and was refused */
	assert_false(revocations_is_loading(revocations));
	assert_false(revocations_is_ready(revocations));
	set_complete();
	WAIT_FOR(revocations_is_ready(revocations));
}

static void test_the_lease_of_the_proof_bounds_the_followers(void **state)
{
	prove(LIFETIME_S, 1000);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_ready(revocations));
	cut_off();
	WAIT_FOR(!revocations_is_ready(revocations));
}

/* users was restarted with a shorter REVOCATIONS_MAX_AGE_SECONDS than this process. */
static void test_a_lease_that_is_shorter_than_configured_is_renewed_in_time(void **state)
{
	int64_t until_us = clock_monotonic_us() + 6000000;

	prove(LIFETIME_S, 4000);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_ready(revocations));
	while (clock_monotonic_us() < until_us) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_true(revocations_is_ready(revocations));
	}
}

/* Of the only follower; -1: there is none. */
static long long registered_lease_ms(void)
{
	static const char script[] = "for _, value in ipairs(redis.call('HVALS', KEYS[1])) do "
				     "local lease_ms = string.match(value, '^%d+ %S+ (%d+) ') "
				     "if lease_ms then return tonumber(lease_ms) end end return -1";

	return BESIDE("EVAL", script, "1", REVOCATIONS_FOLLOWERS);
}

/* If it is cut off before it has renewed the shorter one, it trusts its copy by the former one. */
static void test_a_follower_that_is_granted_a_shorter_lease_registers_what_is_left_of_its_former_one(void **state)
{
	know_revoked(MAX_AGE_S);
	assert_int_equal(registered_lease_ms(), MAX_AGE_S * 1000);
	prove(LIFETIME_S, 1000);
	kill_follower();
	WAIT_FOR(registered_lease_ms() != MAX_AGE_S * 1000);
	assert_in_range(registered_lease_ms(), (MAX_AGE_S - 60) * 1000, MAX_AGE_S * 1000);
	WAIT_FOR(registered_lease_ms() == 1000);
}

static void test_a_lease_is_renewed_without_entries(void **state)
{
	int64_t until_us = clock_monotonic_us() + 6000000;

	start_and_know(4);
	while (clock_monotonic_us() < until_us)
		event_base_loop(base, EVLOOP_ONCE);
	assert_true(revocations_is_ready(revocations));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVOCATIONS_TEST(test_before_it_has_connected_nothing_is_known),
		REVOCATIONS_TEST(test_while_the_stream_is_not_complete_nothing_is_known),
		REVOCATIONS_TEST(test_a_complete_stream_is_known_at_once),
		REVOCATIONS_TEST(test_a_complete_stream_without_entries_is_known_at_once),
		REVOCATIONS_TEST(test_while_it_reads_the_stream_no_revoked_token_is_good),
		REVOCATIONS_TEST(test_a_process_is_loading_from_the_thousandth_entry_until_it_trusts_its_copy),
		REVOCATIONS_TEST(test_a_process_that_reads_the_stream_anew_has_loaded_nothing),
		REVOCATIONS_TEST(test_after_a_lost_connection_it_trusts_its_copy),
		REVOCATIONS_TEST(test_after_the_maximum_age_without_a_connection_nothing_is_known),
		REVOCATIONS_TEST(test_after_reconnecting_it_knows_again),
		REVOCATIONS_TEST(test_after_reconnecting_it_does_not_know_before_it_has_read_what_it_missed),
		REVOCATIONS_TEST(test_after_an_error_reply_it_reads_on),
		REVOCATIONS_TEST(test_a_redis_that_refuses_to_be_read_is_asked_again),
		REVOCATIONS_TEST(test_a_stream_of_another_type_is_waited_for),
		REVOCATIONS_TEST(test_when_redis_is_emptied_the_copy_stays_and_gets_new_entries),
		REVOCATIONS_TEST(test_a_process_that_starts_on_an_emptied_redis_knows_nothing_until_the_republication_ends),
		REVOCATIONS_TEST(test_after_reconnecting_to_an_emptied_redis_nothing_is_known_until_the_republication_ends),
		REVOCATIONS_TEST(
			test_a_process_that_starts_after_the_stream_was_deleted_knows_nothing_until_the_republication_ends),
		REVOCATIONS_TEST(test_a_stream_that_began_anew_after_it_was_deleted_is_not_complete),
		REVOCATIONS_TEST(test_a_process_that_follows_a_stream_that_is_deleted_trusts_its_copy_until_its_lease_is_over),
		REVOCATIONS_TEST(test_a_proof_of_another_life_of_redis_is_none),
		REVOCATIONS_TEST(test_whatever_stands_in_the_place_of_the_proof_is_none),
		REVOCATIONS_TEST(test_a_process_that_keeps_as_many_revocations_as_it_may_trusts_its_copy),
		REVOCATIONS_TEST(test_a_process_that_gets_more_revocations_than_it_may_keep_knows_nothing),
		REVOCATIONS_TEST(test_a_process_that_reads_too_many_again_reports_each_deletion_once),
		REVOCATIONS_TEST(test_no_logout_waits_for_a_process_that_keeps_no_copy),
		REVOCATIONS_TEST(test_the_mark_of_an_earlier_versions_table_stays_on_the_stream),
		REVOCATIONS_TEST(test_the_flag_that_versions_without_a_table_wait_for_is_set),
		REVOCATIONS_TEST(test_a_proof_of_an_earlier_version_is_not_overwritten),
		REVOCATIONS_TEST(test_a_stream_that_keeps_revocations_for_less_than_a_lifetime_is_not_trusted),
		REVOCATIONS_TEST(test_a_process_whose_lifetime_users_does_not_publish_for_is_not_loading),
		REVOCATIONS_TEST(test_the_lease_of_the_proof_bounds_the_followers),
		REVOCATIONS_TEST(test_a_lease_that_is_shorter_than_configured_is_renewed_in_time),
		REVOCATIONS_TEST(test_a_follower_that_is_granted_a_shorter_lease_registers_what_is_left_of_its_former_one),
		REVOCATIONS_TEST(test_a_lease_is_renewed_without_entries),
	};

	return fixture_run("auth/io_revocations_unknown", tests, sizeof tests / sizeof *tests);
}

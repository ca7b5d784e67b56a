/* Revocations on a real Redis: what one process publishes, another process knows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "tests/auth/revocations_fixture.h"

/* ---- what is known ---- */

static void test_a_token_without_a_revocation_is_good(void **state)
{
	start_and_know(MAX_AGE_S);
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_NONE);
}

static void test_revoking_a_token_leaves_other_tokens_of_its_user_good(void **state)
{
	struct jwt_claims token = token_of(1, now_ms, 1);

	start_and_know(MAX_AGE_S);
	publish_one(of_token(token));
	WAIT_FOR(check(token) == REVOCATION_REVOKED);
	assert_int_equal(check(token_of(1, now_ms, 2)), REVOCATION_NONE);
}

static void test_when_the_publisher_has_its_answer_the_token_is_already_refused(void **state)
{
	start_and_know(MAX_AGE_S);
	for (uint8_t i = 0; i < 20; i++) {
		WAIT_FOR(follower());
		publish_one(of_token(token_of(1, now_ms, i)));
		assert_int_equal(check(token_of(1, now_ms, i)), REVOCATION_REVOKED);
	}
}

static void test_revocations_from_before_the_start_are_known(void **state)
{
	struct jwt_claims token = token_of(1, now_ms, 1);

	publish_one(of_token(token));
	start_and_know(MAX_AGE_S);
	assert_int_equal(check(token), REVOCATION_REVOKED);
}

static void test_a_users_tokens_are_revoked_up_to_the_millisecond_and_good_after_it(void **state)
{
	start_and_know(MAX_AGE_S);
	publish_one(of_user(7, now_ms, false));
	WAIT_FOR(check(token_of(7, now_ms, 1)) == REVOCATION_REVOKED);
	assert_int_equal(check(token_of(7, now_ms - 1, 1)), REVOCATION_REVOKED);
	assert_int_equal(check(token_of(7, now_ms + 1, 1)), REVOCATION_NONE);
	assert_int_equal(check(token_of(8, now_ms, 1)), REVOCATION_NONE);
}

static void test_an_inactive_users_tokens_are_all_inactive(void **state)
{
	start_and_know(MAX_AGE_S);
	publish_one(of_user(7, now_ms, true));
	WAIT_FOR(check(token_of(7, now_ms, 1)) == REVOCATION_INACTIVE);
	assert_int_equal(check(token_of(7, now_ms + 1000000, 1)), REVOCATION_INACTIVE);
}

static void test_a_user_that_is_active_again_has_good_new_tokens_and_revoked_old_ones(void **state)
{
	start_and_know(MAX_AGE_S);
	publish_one(of_user(7, now_ms - 10, true));
	publish_one(of_user(7, now_ms, false));
	WAIT_FOR(check(token_of(7, now_ms + 1, 1)) == REVOCATION_NONE);
	assert_int_equal(check(token_of(7, now_ms, 1)), REVOCATION_REVOKED);
}

/* Two changes of a user in flight at once, or a change and a republication. */
static void test_an_older_entry_of_a_user_does_not_undo_a_newer_one(void **state)
{
	start_and_know(MAX_AGE_S);
	publish_one(of_user(7, now_ms, true));
	publish_one(of_user(7, now_ms - 10, false));
	publish_one(of_user(8, now_ms, false));
	publish_one(of_user(8, now_ms - 10, false));
	publish_one(of_user(9, INT64_MAX, true));
	publish_one(of_user(9, now_ms, false));
	publish_one(of_token(token_of(1, now_ms, 1)));
	WAIT_FOR(check(token_of(1, now_ms, 1)) == REVOCATION_REVOKED);
	assert_int_equal(check(token_of(7, now_ms + 1, 1)), REVOCATION_INACTIVE);
	assert_int_equal(check(token_of(8, now_ms, 1)), REVOCATION_REVOKED);
	assert_int_equal(check(token_of(9, now_ms + 1, 1)), REVOCATION_INACTIVE);
}

static void test_a_revoked_token_stays_revoked_whatever_entries_its_user_has(void **state)
{
	struct jwt_claims token = token_of(7, now_ms, 1);

	start_and_know(MAX_AGE_S);
	publish_one(of_token(token));
	publish_one(of_user(7, now_ms - 1000, false));
	WAIT_FOR(check(token_of(7, now_ms - 1000, 1)) == REVOCATION_REVOKED);
	assert_int_equal(check(token), REVOCATION_REVOKED);
}

static void test_the_greatest_user_id_can_be_revoked(void **state)
{
	start_and_know(MAX_AGE_S);
	publish_one(of_user(INT64_MAX, INT64_MAX, false));
	WAIT_FOR(check(token_of(INT64_MAX, now_ms, 1)) == REVOCATION_REVOKED);
	assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_NONE);
}

enum { MANY = 5000 };

/* More than one batch of the stream, more than there are buckets. */
static void publish_many(void)
{
	struct revocation *entries = mem_alloc(MANY * sizeof *entries);

	for (int i = 0; i < MANY; i++)
		entries[i] = of_user(i + 1, now_ms, i % 2);
	for (int i = 0; i < MANY; i += 500)
		publish(entries + i, 500);
	free(entries);
}

static void test_thousands_of_revocations_are_all_known_when_it_is_ready(void **state)
{
	publish_many();
	start_and_know(MAX_AGE_S);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(check(token_of(i + 1, now_ms, 1)), i % 2 ? REVOCATION_INACTIVE : REVOCATION_REVOKED);
	assert_int_equal(check(token_of(MANY + 1, now_ms, 1)), REVOCATION_NONE);
}

/* As users publishes it, but for one field; the rows are in the order of the fields. */
#define JTI "01890a5d-ac96-774b-bcce-b302099a8057"
#define UNREADABLE_FIELDS_MAX 8
static const char *const unreadable[][UNREADABLE_FIELDS_MAX + 1] = {
	{"token", JTI, "inactive", "0", NULL},
	{"token", JTI, "inactive", "0", "expires", "soon", NULL},
	{"token", JTI, "expires", "9999999999", NULL},
	{"token", "no uuid", "inactive", "0", "expires", "9999999999", NULL},
	{"token", JTI, "user", "1", "inactive", "0", "expires", "9999999999", NULL},
	{"user", "1", "inactive", "0", "expires", "9999999999", NULL},
	{"user", "-", "until", "1", "inactive", "0", "expires", "9999999999", NULL},
	{"user", "1", "until", "1", "inactive", "yes", "expires", "9999999999", NULL},
	{"a later kind", "1", "inactive", "0", "expires", "9999999999", NULL},
	{"hello", "1", "token", JTI, NULL},
	{"nonsense", "1", NULL},
};

static void add_entry(const char *const *fields)
{
	const char *argv[3 + UNREADABLE_FIELDS_MAX] = {"XADD", REVOCATIONS_STREAM, "*"};
	struct answer answer = {0};
	int argc = 3;

	while (*fields)
		argv[argc++] = *fields++;
	redis_command(redis, &scope, argc, argv, NULL, fixture_answered, &answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
}

static void test_an_entry_that_can_not_be_read_ends_the_trust_and_the_registration(void **state)
{
	for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
		start_and_know(MAX_AGE_S);
		WAIT_FOR(follower());
		add_entry(unreadable[i]);
		WAIT_FOR(!revocations_is_ready(revocations));
		assert_int_equal(check(token_of(1, now_ms, 1)), REVOCATION_UNKNOWN);
		assert_true(revocations_has_given_up(revocations));
		WAIT_FOR(BESIDE("HLEN", REVOCATIONS_FOLLOWERS) == 1); /* the table's own id is left */
		revocations_free(revocations);
		revocations = NULL;
		BESIDE("DEL", REVOCATIONS_STREAM);
	}
}

static void test_a_copy_is_trusted_again_without_the_entry_that_could_not_be_read(void **state)
{
	start_and_know(MAX_AGE_S);
	WAIT_FOR(follower());
	add_entry(unreadable[0]);
	WAIT_FOR(!revocations_is_ready(revocations));
	BESIDE("XTRIM", REVOCATIONS_STREAM, "MAXLEN", "0");
	fixture_kill(); /* a new connection reads at once */
	WAIT_FOR(revocations_is_ready(revocations));
	assert_false(revocations_has_given_up(revocations));
}

static void test_an_entry_with_a_further_field_is_read(void **state)
{
	start_and_know(MAX_AGE_S);
	WAIT_FOR(follower());
	add_entry(
		(const char *[]){"user", "7", "until", "9223372036854775807", "inactive", "0", "expires", "9999999999", NULL});
	WAIT_FOR(check(token_of(7, now_ms, 1)) == REVOCATION_REVOKED);
	BESIDE("XADD", REVOCATIONS_STREAM, "*", "user", "8", "until", "9223372036854775807", "inactive", "0", "expires",
	       "9999999999", "since", "a later version");
	WAIT_FOR(check(token_of(8, now_ms, 1)) == REVOCATION_REVOKED);
	assert_int_equal(check(token_of(9, now_ms, 1)), REVOCATION_NONE);
}

/* ---- what it means to a request ---- */

static enum auth_verdict verdict_after(bool is_inactive)
{
	const struct jwt_key key = {.issuer = AUTH_ISSUER, .secret = "a secret of thirty-two characters"};
	struct jwt_claims claims;
	char *token = jwt_issue(&key, &(struct jwt_subject){7}, 3600, &claims), *header = mem_printf("Bearer %s", token);
	enum auth_verdict verdict;

	start_and_know(MAX_AGE_S);
	assert_int_equal(auth_check(&key, revocations, header, &claims), AUTH_OK);
	publish_one(is_inactive ? of_user(7, INT64_MAX, true) : of_token(claims));
	WAIT_FOR(check(claims) != REVOCATION_NONE);
	verdict = auth_check(&key, revocations, header, &claims);
	free(header);
	free(token);
	return verdict;
}

static void test_a_request_with_a_revoked_token_is_invalid(void **state)
{
	assert_int_equal(verdict_after(false), AUTH_INVALID);
}

static void test_a_request_of_an_inactive_user_is_inactive(void **state)
{
	assert_int_equal(verdict_after(true), AUTH_INACTIVE);
}

/* ---- the stream ---- */

static void test_entries_older_than_a_lifetime_are_trimmed(void **state)
{
	for (int i = 1; i <= 1000; i++) {
		char id[16];

		snprintf(id, sizeof id, "%d-0", i);
		BESIDE("XADD", "revocations", id, "hello", "1");
	}
	publish_one(of_user(1, now_ms, false));
	assert_true(BESIDE("XLEN", "revocations") < 500); /* roughly: Redis trims whole nodes */
}

static void test_entries_younger_than_a_lifetime_are_kept(void **state)
{
	publish_many();
	set_complete();
	assert_int_equal(BESIDE("XLEN", "revocations"), MANY + 1);
}

static void test_entries_of_one_publication_become_known_together(void **state)
{
	struct revocation entries[2] = {of_user(1, now_ms, false), of_user(2, now_ms, false)};
	struct answer answer = {0};

	start_and_know(MAX_AGE_S);
	revocations_publish(redis, &scope, entries, 2, LIFETIME_S, fixture_answered, &answer);
	do {
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(check(token_of(1, now_ms, 1)), check(token_of(2, now_ms, 1)));
	} while (check(token_of(1, now_ms, 1)) == REVOCATION_NONE);
	WAIT_FOR(answer.is_there);
}

/* ---- publishing everything again ---- */

static void test_the_end_of_a_republication_makes_the_stream_complete(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	assert_false(begin_republishing(epoch));
	publish_one(of_user(1, now_ms, false));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 0);
	assert_true(end_republishing(epoch));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 1);
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_REPUBLISHING), 0);
	assert_true(begin_republishing(epoch));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_REPUBLISHING), 0);
}

static void wait_for_the_next_millisecond(void)
{
	int64_t before_ms = clock_unix_ms();

	while (clock_unix_ms() <= before_ms)
		;
}

/* So the stream does not grow with each republication, and a reader meanwhile misses nothing. */
static void test_republished_entries_replace_earlier_ones(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin_republishing(epoch), i > 0);
		publish_many();
		assert_true(end_republishing(epoch));
		wait_for_the_next_millisecond();
	}
	assert_int_equal(BESIDE("XLEN", REVOCATIONS_STREAM), MANY);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(token_of(MANY, now_ms, 1)), REVOCATION_INACTIVE);
}

static void test_entries_published_during_a_republication_are_kept(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	set_complete();
	publish_one(of_token(token_of(1, now_ms, 1)));
	wait_for_the_next_millisecond();
	assert_true(begin_republishing(epoch));
	publish_one(of_token(token_of(1, now_ms, 2)));
	assert_true(end_republishing(epoch));
	assert_int_equal(BESIDE("XLEN", REVOCATIONS_STREAM), 1);
	start(MAX_AGE_S);
	WAIT_FOR(revocations_is_ready(revocations));
	assert_int_equal(check(token_of(1, now_ms, 2)), REVOCATION_REVOKED);
}

static void test_a_redis_emptied_during_a_second_republication_is_not_complete(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	set_complete();
	assert_true(begin_republishing(epoch));
	BESIDE("FLUSHDB");
	assert_false(end_republishing(epoch));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 0);
}

/* Another users process is configured with a shorter lifetime, so it does not publish all that followers rely on. */
static void test_a_republication_of_a_shorter_lifetime_takes_nothing_away(void **state)
{
	static const struct revocations_config shorter = {.lease_s = MAX_AGE_S, .lifetime_s = 1};
	char epoch[REVOCATIONS_EPOCH_BYTES], *before, *after;
	struct answer answer = {0};

	publish_one(of_token(token_of(1, now_ms, 1)));
	set_complete();
	before = BESIDE_TEXT("GET", REVOCATIONS_COMPLETE);
	wait_for_the_next_millisecond();
	assert_true(begin_republishing(epoch));
	revocations_republish_end(redis, &scope, epoch, &shorter, fixture_answered, &answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.integer, 1);
	after = BESIDE_TEXT("GET", REVOCATIONS_COMPLETE);
	assert_string_equal(before, after);
	assert_int_equal(BESIDE("XLEN", REVOCATIONS_STREAM), 2);
	free(before);
	free(after);
}

static void test_two_republications_at_once_both_succeed(void **state)
{
	char one[REVOCATIONS_EPOCH_BYTES], other[REVOCATIONS_EPOCH_BYTES];

	begin_republishing(one);
	begin_republishing(other);
	assert_true(end_republishing(one));
	assert_true(end_republishing(other));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 1);
}

static void test_a_redis_emptied_during_the_republication_is_not_complete(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	begin_republishing(epoch);
	publish_one(of_user(1, now_ms, false));
	BESIDE("FLUSHDB");
	publish_one(of_user(2, now_ms, false));
	assert_false(end_republishing(epoch));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 0);
}

static void test_a_stream_deleted_during_the_republication_is_not_complete(void **state)
{
	char epoch[REVOCATIONS_EPOCH_BYTES];

	begin_republishing(epoch);
	publish_one(of_user(1, now_ms, false));
	BESIDE("DEL", REVOCATIONS_STREAM);
	publish_one(of_user(2, now_ms, false));
	assert_false(end_republishing(epoch));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 0);
}

static void test_an_emptied_redis_is_complete_only_when_a_republication_begun_since_ends(void **state)
{
	char before[REVOCATIONS_EPOCH_BYTES], since[REVOCATIONS_EPOCH_BYTES];

	begin_republishing(before);
	BESIDE("FLUSHDB");
	begin_republishing(since);
	assert_string_not_equal(before, since);
	assert_false(end_republishing(before));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 0);
	assert_true(end_republishing(since));
	assert_int_equal(BESIDE("EXISTS", REVOCATIONS_COMPLETE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVOCATIONS_TEST(test_a_token_without_a_revocation_is_good),
		REVOCATIONS_TEST(test_revoking_a_token_leaves_other_tokens_of_its_user_good),
		REVOCATIONS_TEST(test_when_the_publisher_has_its_answer_the_token_is_already_refused),
		REVOCATIONS_TEST(test_revocations_from_before_the_start_are_known),
		REVOCATIONS_TEST(test_a_users_tokens_are_revoked_up_to_the_millisecond_and_good_after_it),
		REVOCATIONS_TEST(test_an_inactive_users_tokens_are_all_inactive),
		REVOCATIONS_TEST(test_a_user_that_is_active_again_has_good_new_tokens_and_revoked_old_ones),
		REVOCATIONS_TEST(test_an_older_entry_of_a_user_does_not_undo_a_newer_one),
		REVOCATIONS_TEST(test_a_revoked_token_stays_revoked_whatever_entries_its_user_has),
		REVOCATIONS_TEST(test_the_greatest_user_id_can_be_revoked),
		REVOCATIONS_TEST(test_thousands_of_revocations_are_all_known_when_it_is_ready),
		REVOCATIONS_TEST(test_an_entry_that_can_not_be_read_ends_the_trust_and_the_registration),
		REVOCATIONS_TEST(test_a_copy_is_trusted_again_without_the_entry_that_could_not_be_read),
		REVOCATIONS_TEST(test_an_entry_with_a_further_field_is_read),
		REVOCATIONS_TEST(test_a_request_with_a_revoked_token_is_invalid),
		REVOCATIONS_TEST(test_a_request_of_an_inactive_user_is_inactive),
		REVOCATIONS_TEST(test_entries_older_than_a_lifetime_are_trimmed),
		REVOCATIONS_TEST(test_entries_younger_than_a_lifetime_are_kept),
		REVOCATIONS_TEST(test_entries_of_one_publication_become_known_together),
		REVOCATIONS_TEST(test_the_end_of_a_republication_makes_the_stream_complete),
		REVOCATIONS_TEST(test_republished_entries_replace_earlier_ones),
		REVOCATIONS_TEST(test_entries_published_during_a_republication_are_kept),
		REVOCATIONS_TEST(test_a_redis_emptied_during_a_second_republication_is_not_complete),
		REVOCATIONS_TEST(test_a_republication_of_a_shorter_lifetime_takes_nothing_away),
		REVOCATIONS_TEST(test_two_republications_at_once_both_succeed),
		REVOCATIONS_TEST(test_a_redis_emptied_during_the_republication_is_not_complete),
		REVOCATIONS_TEST(test_a_stream_deleted_during_the_republication_is_not_complete),
		REVOCATIONS_TEST(test_an_emptied_redis_is_complete_only_when_a_republication_begun_since_ends),
	};

	return fixture_run("auth/io_revocations", tests, sizeof tests / sizeof *tests);
}

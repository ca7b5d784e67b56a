/* Signed refresh tokens, and the access tokens of sessions beside them: neither is ever taken for the other. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/jwt_cache.h"
#include "auth/jwt_internal.h"
#include "auth/refresh_token.h"
#include "base/clock.h"

#define SECRET "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"

static const struct jwt_key key = {
	.issuer = "abacus", .audience = "abacus", .secret = SECRET, .lifetime_s = 86400, .access_lifetime_s = 600};
static const struct refresh_token token = {.session = {1, 0x9e, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16},
					   .counter = 0x0102030405060708};
static const struct jwt_session session = {.id = {1, 0x9e, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16},
					   .authenticated_s = 1700000000};

static enum status parse(const char *text)
{
	struct refresh_token parsed;

	return refresh_token_parse(SECRET, NULL, text, &parsed);
}

static void test_a_token_carries_its_session_and_counter(void **state)
{
	char text[REFRESH_TOKEN_LEN + 1];
	struct refresh_token parsed;

	refresh_token_format(SECRET, &token, text);
	assert_int_equal(strlen(text), REFRESH_TOKEN_LEN);
	assert_int_equal(refresh_token_parse(SECRET, NULL, text, &parsed), STATUS_OK);
	assert_memory_equal(parsed.session, token.session, JWT_JTI_BYTES);
	assert_true(parsed.counter == token.counter);
}

static void test_the_same_token_can_be_made_again(void **state)
{
	char text[REFRESH_TOKEN_LEN + 1], again[REFRESH_TOKEN_LEN + 1];

	refresh_token_format(SECRET, &token, text);
	refresh_token_format(SECRET, &token, again);
	assert_string_equal(text, again);
}

static void test_a_token_of_another_key_is_refused(void **state)
{
	char text[REFRESH_TOKEN_LEN + 1];

	refresh_token_format(OTHER, &token, text);
	assert_int_equal(parse(text), STATUS_INVALID);
}

static void test_a_token_of_the_previous_key_is_good(void **state)
{
	char text[REFRESH_TOKEN_LEN + 1];
	struct refresh_token parsed;

	refresh_token_format(OTHER, &token, text);
	assert_int_equal(refresh_token_parse(SECRET, OTHER, text, &parsed), STATUS_OK);
	assert_int_equal(refresh_token_parse(OTHER, SECRET, text, &parsed), STATUS_OK);
}

static void test_a_token_of_which_any_character_was_changed_is_refused(void **state)
{
	char text[REFRESH_TOKEN_LEN + 1];

	refresh_token_format(SECRET, &token, text);
	for (size_t i = 0; i < REFRESH_TOKEN_LEN; i++) {
		char was = text[i];

		for (const char *with = "A_b=. "; *with; with++) {
			if (*with == was)
				continue;
			text[i] = *with;
			assert_int_equal(parse(text), STATUS_INVALID);
		}
		text[i] = was;
	}
	assert_int_equal(parse(text), STATUS_OK);
}

static void test_a_token_of_another_length_is_refused(void **state)
{
	char text[REFRESH_TOKEN_LEN + 2] = "";

	assert_int_equal(parse(""), STATUS_INVALID);
	refresh_token_format(SECRET, &token, text);
	text[REFRESH_TOKEN_LEN] = 'A';
	assert_int_equal(parse(text), STATUS_INVALID);
	text[REFRESH_TOKEN_LEN - 1] = '\0';
	assert_int_equal(parse(text), STATUS_INVALID);
}

static void test_neither_kind_of_token_is_taken_for_the_other(void **state)
{
	struct jwt_claims claims;
	char *access = jwt_issue_access(&key, &(struct jwt_subject){42}, &session, clock_unix_ms(), 600, &claims),
	     text[REFRESH_TOKEN_LEN + 1];

	assert_int_equal(parse(access), STATUS_INVALID);
	refresh_token_format(SECRET, &token, text);
	assert_int_equal(jwt_verify(&key, text, strlen(text), clock_unix_ms() / 1000, &claims), JWT_INVALID);
	free(access);
}

static enum jwt_verdict verify_access(const struct jwt_key *verifier, int64_t issued_ms, int64_t lifetime_s, int64_t now_s,
				      struct jwt_claims *ret_claims)
{
	struct jwt_claims issued;
	char *access = jwt_issue_access(&key, &(struct jwt_subject){42, true}, &session, issued_ms, lifetime_s, &issued);
	enum jwt_verdict verdict = jwt_verify(verifier, access, strlen(access), now_s, ret_claims);

	assert_true(strlen(access) <= JWT_CACHE_TOKEN_BYTES_MAX);
	free(access);
	return verdict;
}

static void test_an_access_token_names_its_session(void **state)
{
	struct jwt_claims claims;

	assert_int_equal(verify_access(&key, 1700000000000, 600, 1700000000, &claims), JWT_VALID);
	assert_true(claims.has_session && claims.user_id == 42 && claims.is_admin && claims.ends_s == 1700000600);
	assert_memory_equal(claims.session.id, session.id, JWT_JTI_BYTES);
	assert_true(claims.session.authenticated_s == session.authenticated_s);
}

/* The amr of RFC 8176, from the payload of a token. */
static void assert_amr(const char *factor, const char *amr)
{
	struct jwt_session proven = session;
	struct jwt_claims claims, read;
	uint8_t payload[JWT_TOKEN_BYTES_MAX];
	char *access, *dot;
	size_t len;

	strcpy(proven.factor, factor);
	access = jwt_issue_access(&key, &(struct jwt_subject){42}, &proven, 1700000000000, 600, &claims);
	dot = strchr(access, '.') + 1;
	assert_int_equal(base64url_decode(dot, (size_t)(strchr(dot, '.') - dot), payload, &len), STATUS_OK);
	payload[len] = '\0';
	assert_non_null(strstr((char *)payload, amr));
	assert_int_equal(jwt_verify(&key, access, strlen(access), 1700000000, &read), JWT_VALID);
	assert_string_equal(read.session.factor, factor);
	assert_true(strlen(access) <= JWT_CACHE_TOKEN_BYTES_MAX);
	free(access);
}

static void test_an_access_token_says_which_factor_was_checked(void **state)
{
	assert_amr("", "\"amr\":[\"pwd\"]");
	assert_amr("otp", "\"amr\":[\"pwd\",\"otp\",\"mfa\"]");
	assert_amr("pop", "\"amr\":[\"pwd\",\"pop\",\"mfa\"]");
	assert_amr(JWT_FACTOR_PASSKEY_ALONE, "\"amr\":[\"pop\",\"user\",\"mfa\"]");
}

static void test_an_access_token_for_another_audience_is_invalid(void **state)
{
	struct jwt_key other = key;
	struct jwt_claims claims;

	other.audience = "others";
	assert_int_equal(verify_access(&other, 1700000000000, 600, 1700000000, &claims), JWT_INVALID);
	other.audience = NULL;
	assert_int_equal(verify_access(&other, 1700000000000, 600, 1700000000, &claims), JWT_INVALID);
}

static void test_an_access_token_ends_with_the_shortest_lifetime(void **state)
{
	static const struct {
		int64_t own_s, access_s, all_s, end_s;
	} rows[] = {{600, 600, 86400, 600}, {100, 600, 86400, 100}, {600, 10, 86400, 10},
		    {600, 600, 20, 20},     {600, 10, 20, 10},      {600, 0, 20, 20}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct jwt_key now = key;
		struct jwt_claims claims;

		now.access_lifetime_s = rows[i].access_s;
		now.lifetime_s = rows[i].all_s;
		assert_int_equal(verify_access(&now, 1700000000000, rows[i].own_s, 1700000000 + rows[i].end_s - 1, &claims),
				 JWT_VALID);
		assert_int_equal(verify_access(&now, 1700000000000, rows[i].own_s, 1700000000 + rows[i].end_s, &claims),
				 JWT_EXPIRED);
	}
}

static void test_the_lifetime_of_access_tokens_does_not_shorten_other_tokens(void **state)
{
	struct jwt_claims claims;
	char *legacy = jwt_issue_at(&key, &(struct jwt_subject){42}, 1700000000000, 86400, &claims);

	assert_int_equal(jwt_verify(&key, legacy, strlen(legacy), 1700086399, &claims), JWT_VALID);
	assert_false(claims.has_session);
	free(legacy);
}

/* RFC 7515 §4: the order of a header's members means nothing. */
static void test_an_access_token_whose_header_is_written_otherwise_is_one(void **state)
{
	static const char other[] = "{\"typ\":\"at+jwt\",\"alg\":\"HS256\"}";
	struct jwt_claims claims;
	char *access = jwt_issue_access(&key, &(struct jwt_subject){42}, &session, 1700000000000, 600, &claims), made[2000];
	size_t len = base64url_encode((const uint8_t *)other, sizeof other - 1, made);
	const char *payload = strchr(access, '.'), *end = strrchr(access, '.');
	uint8_t signature[JWT_SIGNATURE_BYTES];

	memset(&claims, 0, sizeof claims);
	memcpy(made + len, payload, (size_t)(end - payload));
	len += (size_t)(end - payload);
	jwt_sign(key.secret, made, len, signature);
	made[len++] = '.';
	len += base64url_encode(signature, sizeof signature, made + len);
	assert_int_equal(jwt_verify(&key, made, len, 1700000000, &claims), JWT_VALID);
	assert_true(claims.has_session);
	free(access);
}

static void test_a_cached_access_token_keeps_its_session(void **state)
{
	struct jwt_key caching = key;
	struct jwt_claims claims;
	char *access = jwt_issue_access(&key, &(struct jwt_subject){42, true}, &session, 1700000000000, 600, &claims);

	caching.cache = jwt_cache_new();
	for (int i = 0; i < 2; i++) {
		memset(&claims, 0, sizeof claims);
		assert_int_equal(jwt_verify(&caching, access, strlen(access), 1700000000, &claims), JWT_VALID);
		assert_true(claims.has_session);
		assert_memory_equal(claims.session.id, session.id, JWT_JTI_BYTES);
	}
	jwt_cache_free(caching.cache);
	free(access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_carries_its_session_and_counter),
		cmocka_unit_test(test_the_same_token_can_be_made_again),
		cmocka_unit_test(test_a_token_of_another_key_is_refused),
		cmocka_unit_test(test_a_token_of_the_previous_key_is_good),
		cmocka_unit_test(test_a_token_of_which_any_character_was_changed_is_refused),
		cmocka_unit_test(test_a_token_of_another_length_is_refused),
		cmocka_unit_test(test_neither_kind_of_token_is_taken_for_the_other),
		cmocka_unit_test(test_an_access_token_names_its_session),
		cmocka_unit_test(test_an_access_token_says_which_factor_was_checked),
		cmocka_unit_test(test_an_access_token_for_another_audience_is_invalid),
		cmocka_unit_test(test_an_access_token_ends_with_the_shortest_lifetime),
		cmocka_unit_test(test_the_lifetime_of_access_tokens_does_not_shorten_other_tokens),
		cmocka_unit_test(test_an_access_token_whose_header_is_written_otherwise_is_one),
		cmocka_unit_test(test_a_cached_access_token_keeps_its_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

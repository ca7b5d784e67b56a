/* A token that was verified once is known by its bytes, all of them, and its times are checked every time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt_cache.h"
#include "auth/jwt_internal.h"

#define ISSUED_MS INT64_C(1750000000123)
#define ISSUED_S (ISSUED_MS / 1000)

static struct jwt_key key = {.issuer = "abacus", .secret = "a secret of thirty-two characters"};
static char *token;
static struct jwt_claims claims;

static int set_up(void **state)
{
	key.cache = jwt_cache_new();
	token = jwt_issue_at(&key, &(struct jwt_subject){42, true}, ISSUED_MS, 3600, &claims);
	return 0;
}

static int tear_down(void **state)
{
	free(token);
	jwt_cache_free(key.cache);
	return 0;
}

static enum jwt_verdict verify(const char *text, int64_t now_s)
{
	return jwt_verify(&key, text, strlen(text), now_s, &claims);
}

static void test_a_verified_token_is_known_with_its_claims(void **state)
{
	assert_null(jwt_cache_find(key.cache, token, strlen(token)));
	assert_int_equal(verify(token, ISSUED_S), JWT_VALID);
	assert_non_null(jwt_cache_find(key.cache, token, strlen(token)));
	memset(&claims, 0, sizeof claims);
	assert_int_equal(verify(token, ISSUED_S), JWT_VALID);
	assert_int_equal(claims.user_id, 42);
	assert_true(claims.is_admin);
	assert_int_equal(claims.ends_s, ISSUED_S + 3600);
}

static void test_a_known_token_expires_and_is_not_good_before_its_time(void **state)
{
	assert_int_equal(verify(token, ISSUED_S), JWT_VALID);
	assert_int_equal(verify(token, ISSUED_S + 3600), JWT_EXPIRED);
	assert_int_equal(verify(token, ISSUED_S - 31), JWT_INVALID);
	assert_int_equal(verify(token, ISSUED_S + 3599), JWT_VALID);
}

static void test_a_known_token_with_any_byte_changed_is_refused(void **state)
{
	size_t len = strlen(token);

	assert_int_equal(verify(token, ISSUED_S), JWT_VALID);
	for (size_t i = 0; i < len; i++) {
		char byte = token[i];

		token[i] = byte == 'A' ? 'B' : 'A';
		assert_int_equal(verify(token, ISSUED_S), JWT_INVALID);
		assert_null(jwt_cache_find(key.cache, token, len));
		token[i] = byte;
	}
	assert_int_equal(verify(token, ISSUED_S), JWT_VALID);
}

static void test_a_token_that_was_refused_is_not_known(void **state)
{
	size_t len = strlen(token);

	token[len - 2] = token[len - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(verify(token, ISSUED_S), JWT_INVALID);
	assert_null(jwt_cache_find(key.cache, token, len));
}

static void test_tokens_that_lost_their_places_are_verified_again(void **state)
{
	static char *tokens[3 * JWT_CACHE_PLACES];
	int known = 0;

	for (size_t i = 0; i < 3 * JWT_CACHE_PLACES; i++) {
		tokens[i] = jwt_issue_at(&key, &(struct jwt_subject){(int64_t)i + 1}, ISSUED_MS, 3600, &claims);
		assert_int_equal(verify(tokens[i], ISSUED_S), JWT_VALID);
	}
	for (size_t i = 0; i < 3 * JWT_CACHE_PLACES; i++)
		known += jwt_cache_find(key.cache, tokens[i], strlen(tokens[i])) != NULL;
	assert_in_range(known, JWT_CACHE_PLACES / 2, JWT_CACHE_PLACES);
	for (size_t i = 0; i < 3 * JWT_CACHE_PLACES; i++) {
		assert_int_equal(verify(tokens[i], ISSUED_S), JWT_VALID);
		assert_int_equal(claims.user_id, i + 1);
		free(tokens[i]);
	}
}

static void test_a_token_longer_than_ours_takes_no_place(void **state)
{
	char text[JWT_CACHE_TOKEN_BYTES_MAX + 1];

	memset(text, 'A', sizeof text);
	jwt_cache_add(key.cache, text, sizeof text, &claims);
	assert_null(jwt_cache_find(key.cache, text, sizeof text));
	jwt_cache_add(key.cache, text, sizeof text - 1, &claims);
	assert_non_null(jwt_cache_find(key.cache, text, sizeof text - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_verified_token_is_known_with_its_claims, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_known_token_expires_and_is_not_good_before_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_known_token_with_any_byte_changed_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_token_that_was_refused_is_not_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tokens_that_lost_their_places_are_verified_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_token_longer_than_ours_takes_no_place, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

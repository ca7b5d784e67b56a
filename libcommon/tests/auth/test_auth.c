/* What an Authorization header is taken for, and what becomes of its token. Revocations on a real Redis: io_revocations.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/revocations.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "tests/environment.h"

static const struct jwt_key key = {.issuer = AUTH_ISSUER, .secret = "a secret of thirty-two characters"};
static const char *const verdict_names[] = {
	[AUTH_OK] = "ok",           [AUTH_MISSING] = "missing",   [AUTH_EXPIRED] = "expired",
	[AUTH_INVALID] = "invalid", [AUTH_INACTIVE] = "inactive", [AUTH_UNKNOWN] = "unknown"};

/* ---- the header's forms ---- */

static const struct form { /* @ stands for a good token */
	const char *name, *header;
	enum auth_verdict verdict;
} forms[] = {
	{"no header is missing", NULL, AUTH_MISSING},
	{"an empty header is missing", "", AUTH_MISSING},
	{"Bearer T is good", "Bearer @", AUTH_OK},
	{"JWT T is good", "JWT @", AUTH_OK},
	{"bearer T is good", "bearer @", AUTH_OK},
	{"BEARER T is good", "BEARER @", AUTH_OK},
	{"jwt T is good", "jwt @", AUTH_OK},
	{"JwT T is good", "JwT @", AUTH_OK},
	{"doubled spaces are good (RFC 6750 section 2.1: 1*SP)", "Bearer  @", AUTH_OK},
	{"Bearer alone is invalid", "Bearer", AUTH_INVALID},
	{"Bearer with no token is invalid", "Bearer ", AUTH_INVALID},
	{"JWT with no token is invalid", "JWT ", AUTH_INVALID},
	{"Bearer with spaces alone is invalid", "Bearer    ", AUTH_INVALID},
	{"no space is invalid", "Bearer@", AUTH_INVALID},
	{"a tab is invalid", "Bearer\t@", AUTH_INVALID},
	{"a colon is invalid", "Bearer: @", AUTH_INVALID},
	{"a space before is invalid", " Bearer @", AUTH_INVALID},
	{"a space behind is invalid", "Bearer @ ", AUTH_INVALID},
	{"the token alone is invalid", "@", AUTH_INVALID},
	{"two tokens are invalid", "Bearer @ @", AUTH_INVALID},
	{"two schemes are invalid", "Bearer JWT @", AUTH_INVALID},
	{"two headers in one are invalid", "Bearer @, Bearer @", AUTH_INVALID},
	{"Basic is invalid", "Basic dXNlcjpwYXNzd29yZA==", AUTH_INVALID},
	{"Basic with a good token is invalid", "Basic @", AUTH_INVALID},
	{"Bear T is invalid", "Bear @", AUTH_INVALID},
	{"Bearers T is invalid", "Bearers @", AUTH_INVALID},
	{"JW T is invalid", "JW @", AUTH_INVALID},
	{"JWTT T is invalid", "JWTT @", AUTH_INVALID},
	{"a space alone is invalid", " ", AUTH_INVALID},
	{"a quoted token is invalid", "Bearer \"@\"", AUTH_INVALID},
	{"the undefined of a client in JavaScript is invalid", "Bearer undefined", AUTH_INVALID},
};

/* The caller frees. */
static char *with_token(const char *form, const char *token)
{
	struct buf text = {0};

	for (; *form; form++)
		*form == '@' ? buf_text(&text, token) : buf_add(&text, form, 1);
	return text.bytes ? text.bytes : mem_strdup("");
}

static void expect_verdict(const struct jwt_key *verifier, const char *form, const char *token, enum auth_verdict expected)
{
	char *header = form ? with_token(form, token) : NULL;
	struct jwt_claims claims;
	enum auth_verdict verdict = auth_check(verifier, NULL, header, &claims);

	free(header);
	if (verdict != expected)
		fail_msg("\"%s\": %s instead of %s", form ? form : "", verdict_names[verdict], verdict_names[expected]);
}

static void test_form(void **state)
{
	const struct form *form = *state;
	struct jwt_claims claims;
	char *token = jwt_issue(&key, &(struct jwt_subject){42}, 3600, &claims);

	expect_verdict(&key, form->header, token, form->verdict);
	free(token);
}

/* ---- the token ---- */

static void test_the_claims_of_a_good_token_are_returned(void **state)
{
	struct jwt_claims issued, checked = {0};
	char *token = jwt_issue(&key, &(struct jwt_subject){42, true}, 3600, &issued), *header = with_token("Bearer @", token);

	assert_int_equal(auth_check(&key, NULL, header, &checked), AUTH_OK);
	assert_int_equal(checked.user_id, 42);
	assert_true(checked.is_admin);
	assert_memory_equal(checked.jti, issued.jti, JWT_JTI_BYTES);
	free(header);
	free(token);
}

static void test_a_token_whose_lifetime_is_over_is_expired(void **state)
{
	struct jwt_claims claims;
	char *token = jwt_issue(&key, &(struct jwt_subject){42}, 0, &claims);

	expect_verdict(&key, "Bearer @", token, AUTH_EXPIRED);
	free(token);
}

static void test_a_token_that_was_good_can_be_checked_again(void **state)
{
	struct jwt_claims claims;

	free(jwt_issue(&key, &(struct jwt_subject){42}, 3600, &claims));
	assert_int_equal(auth_check_again(NULL, &claims), AUTH_OK);
	claims.ends_s = clock_unix_ms() / 1000;
	assert_int_equal(auth_check_again(NULL, &claims), AUTH_EXPIRED);
}

static void test_a_token_older_than_the_lifetime_of_now_is_expired(void **state)
{
	struct jwt_key shortened = key;
	struct jwt_claims claims;
	char *token = jwt_issue_at(&key, &(struct jwt_subject){42}, clock_unix_ms() - 3600 * 1000, 86400, &claims);

	expect_verdict(&key, "Bearer @", token, AUTH_OK);
	shortened.lifetime_s = 3600;
	expect_verdict(&shortened, "Bearer @", token, AUTH_EXPIRED);
	free(token);
}

static void test_an_expired_token_of_another_key_is_invalid_and_not_expired(void **state)
{
	const struct jwt_key other = {.issuer = AUTH_ISSUER, .secret = "another secret of thirty characters"};
	struct jwt_claims claims;
	char *token = jwt_issue(&other, &(struct jwt_subject){42}, 0, &claims);

	expect_verdict(&key, "Bearer @", token, AUTH_INVALID);
	free(token);
}

static void test_a_token_of_the_previous_key_is_good_while_that_key_is_configured(void **state)
{
	const struct jwt_key before = {.issuer = AUTH_ISSUER, .secret = "the secret before this one"};
	const struct jwt_key now = {.issuer = AUTH_ISSUER, .secret = key.secret, .previous_secret = before.secret};
	struct jwt_claims claims;
	char *token = jwt_issue(&before, &(struct jwt_subject){42}, 3600, &claims);

	expect_verdict(&now, "Bearer @", token, AUTH_OK);
	expect_verdict(&key, "Bearer @", token, AUTH_INVALID);
	free(token);
}

static void test_a_token_of_another_issuer_is_invalid(void **state)
{
	const struct jwt_key other = {.issuer = "somebody", .secret = key.secret};
	struct jwt_claims claims;
	char *token = jwt_issue(&other, &(struct jwt_subject){42}, 3600, &claims);

	expect_verdict(&key, "Bearer @", token, AUTH_INVALID);
	free(token);
}

/* ---- revocations that know nothing ---- */

static int restore_environment(void **state)
{
	environment_restore();
	return 0;
}

static int problems_of_secrets(const char *secret, const char *previous)
{
	struct config *config;
	struct auth_config auth = {0};
	int count;

	environment_set("APP_ENV", "production");
	environment_set("SECRET_KEY", secret);
	environment_set("SECRET_KEY_PREVIOUS", previous);
	config = config_new();
	config_load(config, auth_options, &auth);
	count = config_finish(config, "daemon");
	config_release(auth_options, &auth);
	config_free(config);
	return count;
}

static void test_production_refuses_the_development_key_as_the_previous_key_too(void **state)
{
	assert_int_equal(problems_of_secrets(key.secret, "the secret of thirty-two characters before"), 0);
	assert_int_equal(problems_of_secrets(key.secret, auth_options[0].default_value), 1);
	assert_int_equal(problems_of_secrets(auth_options[0].default_value, key.secret), 1);
}

struct unknowing {
	struct event_base *base;
	struct revocations *revocations;
};

/* The loop is never turned, so that nothing is ever connected. */
static int set_up_unknowing(void **state)
{
	static struct unknowing unknowing;
	char host[] = "127.0.0.1";
	struct redis_config config = {
		.host = host, .port = 1, .command_timeout_ms = 100, .connect_timeout_ms = 100, .in_flight_max = 1};

	unknowing.base = loop_new();
	unknowing.revocations =
		revocations_new(unknowing.base, &config, &(struct revocations_config){.lease_s = 300, .lifetime_s = 60});
	*state = &unknowing;
	return 0;
}

static int tear_down_unknowing(void **state)
{
	struct unknowing *unknowing = *state;

	revocations_free(unknowing->revocations);
	event_base_free(unknowing->base);
	return 0;
}

static enum auth_verdict verdict_of_unknowing(const struct unknowing *unknowing, int64_t lifetime_s)
{
	struct jwt_claims claims;
	char *token = jwt_issue(&key, &(struct jwt_subject){42}, lifetime_s, &claims), *header = with_token("Bearer @", token);
	enum auth_verdict verdict = auth_check(&key, unknowing->revocations, header, &claims);

	free(header);
	free(token);
	return verdict;
}

static void test_while_the_revocations_are_not_known_a_good_token_is_unknown(void **state)
{
	assert_int_equal(verdict_of_unknowing(*state, 3600), AUTH_UNKNOWN);
}

static void test_while_the_revocations_are_not_known_an_expired_token_is_still_expired(void **state)
{
	assert_int_equal(verdict_of_unknowing(*state, 0), AUTH_EXPIRED);
}

static void test_while_the_revocations_are_not_known_no_header_is_still_missing(void **state)
{
	struct unknowing *unknowing = *state;
	struct jwt_claims claims;

	assert_int_equal(auth_check(&key, unknowing->revocations, NULL, &claims), AUTH_MISSING);
}

#define UNKNOWING_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_unknowing, tear_down_unknowing)

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_the_claims_of_a_good_token_are_returned),
		cmocka_unit_test(test_a_token_whose_lifetime_is_over_is_expired),
		cmocka_unit_test(test_a_token_that_was_good_can_be_checked_again),
		cmocka_unit_test(test_a_token_older_than_the_lifetime_of_now_is_expired),
		cmocka_unit_test(test_an_expired_token_of_another_key_is_invalid_and_not_expired),
		cmocka_unit_test(test_a_token_of_the_previous_key_is_good_while_that_key_is_configured),
		cmocka_unit_test(test_a_token_of_another_issuer_is_invalid),
		cmocka_unit_test_teardown(test_production_refuses_the_development_key_as_the_previous_key_too,
					  restore_environment),
		UNKNOWING_TEST(test_while_the_revocations_are_not_known_a_good_token_is_unknown),
		UNKNOWING_TEST(test_while_the_revocations_are_not_known_an_expired_token_is_still_expired),
		UNKNOWING_TEST(test_while_the_revocations_are_not_known_no_header_is_still_missing),
	};
	enum { FORMS = sizeof forms / sizeof *forms, OTHERS = sizeof others / sizeof *others };
	struct CMUnitTest tests[FORMS + OTHERS];

	for (size_t i = 0; i < FORMS; i++)
		tests[i] = (struct CMUnitTest){
			.name = forms[i].name, .test_func = test_form, .initial_state = (void *)(uintptr_t)&forms[i]};
	memcpy(tests + FORMS, others, sizeof others);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

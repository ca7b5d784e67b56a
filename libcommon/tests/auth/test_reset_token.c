/* The tokens in links of password resets. What they share with refresh tokens is tested there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/refresh_token.h"
#include "auth/reset_token.h"

#define SECRET "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"

static const struct reset_token token = {.id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, .user_id = 42};

static void test_a_token_carries_its_reset_and_its_user(void **state)
{
	char text[RESET_TOKEN_LEN + 1];
	struct reset_token parsed;

	reset_token_format(SECRET, &token, text);
	assert_int_equal(reset_token_parse(SECRET, NULL, text, &parsed), STATUS_OK);
	assert_memory_equal(parsed.id, token.id, JWT_JTI_BYTES);
	assert_true(parsed.user_id == token.user_id);
}

static void test_a_token_of_another_key_is_refused(void **state)
{
	char text[RESET_TOKEN_LEN + 1];
	struct reset_token parsed;

	reset_token_format(OTHER, &token, text);
	assert_int_equal(reset_token_parse(SECRET, NULL, text, &parsed), STATUS_INVALID);
	assert_int_equal(reset_token_parse(SECRET, OTHER, text, &parsed), STATUS_OK);
}

static void test_a_refresh_token_resets_no_password_and_the_other_way_round(void **state)
{
	struct refresh_token refresh = {.counter = 42}, parsed_refresh;
	char text[RESET_TOKEN_LEN + 1];
	struct reset_token parsed;

	refresh_token_format(SECRET, &refresh, text);
	assert_int_equal(reset_token_parse(SECRET, NULL, text, &parsed), STATUS_INVALID);
	reset_token_format(SECRET, &token, text);
	assert_int_equal(refresh_token_parse(SECRET, NULL, text, &parsed_refresh), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_carries_its_reset_and_its_user),
		cmocka_unit_test(test_a_token_of_another_key_is_refused),
		cmocka_unit_test(test_a_refresh_token_resets_no_password_and_the_other_way_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

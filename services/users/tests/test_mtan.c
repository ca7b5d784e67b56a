/* Codes by message, and those of MTAN_TEST_CODES. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "factors/mtan.h"

#define KEY "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"
#define CHALLENGE "019aba5e-6c00-7cc3-98c4-dc0c0c07398f"
#define NONCE "019aba5e-6c01-7cc3-98c4-dc0c0c07398f"

static const struct mtan login = {7, CHALLENGE, NULL, NONCE};

static void test_a_code_is_six_digits_and_the_same_each_time(void **state)
{
	char code[MTAN_DIGITS + 1], again[MTAN_DIGITS + 1];

	for (int i = 0; i < 1000; i++) {
		char nonce[37];
		struct mtan mtan = login;

		snprintf(nonce, sizeof nonce, "%d", i);
		mtan.nonce = nonce;
		mtan_code(KEY, &mtan, code);
		assert_int_equal(strlen(code), MTAN_DIGITS);
		assert_int_equal(strspn(code, "0123456789"), MTAN_DIGITS);
		mtan_code(KEY, &mtan, again);
		assert_string_equal(code, again);
		assert_true(mtan_is(KEY, NULL, &mtan, code));
	}
}

/* 1,000 codes fill each tenth of their range about equally: none is likelier than another one. */
static void test_codes_are_spread_over_their_whole_range(void **state)
{
	int tenths[10] = {0};

	for (int i = 0; i < 1000; i++) {
		char nonce[37], code[MTAN_DIGITS + 1];
		struct mtan mtan = login;

		snprintf(nonce, sizeof nonce, "%d", i);
		mtan.nonce = nonce;
		mtan_code(KEY, &mtan, code);
		tenths[code[0] - '0']++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(tenths[i], 60, 140);
}

static void test_any_change_of_what_is_confirmed_voids_the_code(void **state)
{
	static const struct mtan action = {7, CHALLENGE, "binding", NONCE};
	static const struct mtan others[] = {{8, CHALLENGE, "binding", NONCE},
					     {7, NONCE, "binding", NONCE},
					     {7, CHALLENGE, "bindinG", NONCE},
					     {7, CHALLENGE, "binding", CHALLENGE},
					     {7, CHALLENGE, NULL, NONCE}};
	char code[MTAN_DIGITS + 1];

	mtan_code(KEY, &action, code);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(mtan_is(KEY, OTHER, &others[i], code));
}

static void test_a_code_of_the_previous_key_is_good_and_of_another_key_is_not(void **state)
{
	char code[MTAN_DIGITS + 1];

	mtan_code(OTHER, &login, code);
	assert_true(mtan_is(KEY, OTHER, &login, code));
	assert_false(mtan_is(KEY, NULL, &login, code));
	assert_false(mtan_is(KEY, KEY, &login, code));
}

static void test_what_is_no_code_is_wrong(void **state)
{
	char code[MTAN_DIGITS + 1], longer[MTAN_DIGITS + 2];

	mtan_code(KEY, &login, code);
	snprintf(longer, sizeof longer, "%s0", code);
	assert_false(mtan_is(KEY, NULL, &login, longer));
	code[MTAN_DIGITS - 1] = '\0';
	assert_false(mtan_is(KEY, NULL, &login, code));
	assert_false(mtan_is(KEY, NULL, &login, ""));
}

static void test_a_list_of_test_codes_is_read_strictly(void **state)
{
	static const char *const right[] = {"a@b.test:1", "a@b.test:1001,c@d.test:999999"};
	static const char *const wrong[] = {
		"",     "a@b.test",    "a@b.test:",   "a@b.test:12a",           "a@b.test:1234567",       "a@b.test:-1", ":1",
		"ab:1", "a@b.test:1,", ",a@b.test:1", "a@b.test:1,,c@d.test:2", "a@b.test:1 ,c@d.test:2", "a@b.test:1:2"};

	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_null(mtan_test_codes_problem(right[i]));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_non_null(mtan_test_codes_problem(wrong[i]));
}

static void test_a_test_code_is_of_its_whole_address_alone(void **state)
{
	static const char list[] = "ada@example.com:1001,eve@example.com:1002";
	char code[MTAN_TEST_CODE_LEN_MAX + 1];

	assert_true(mtan_test_code(list, "ada@example.com", code));
	assert_string_equal(code, "1001");
	assert_true(mtan_test_code(list, "EVE@Example.com", code));
	assert_string_equal(code, "1002");
	assert_false(mtan_test_code(list, "a@example.com", code));
	assert_false(mtan_test_code(list, "da@example.com", code));
	assert_false(mtan_test_code(list, "ada@example.co", code));
	assert_false(mtan_test_code(list, "", code));
	assert_false(mtan_test_code(NULL, "ada@example.com", code));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_code_is_six_digits_and_the_same_each_time),
		cmocka_unit_test(test_codes_are_spread_over_their_whole_range),
		cmocka_unit_test(test_any_change_of_what_is_confirmed_voids_the_code),
		cmocka_unit_test(test_a_code_of_the_previous_key_is_good_and_of_another_key_is_not),
		cmocka_unit_test(test_what_is_no_code_is_wrong),
		cmocka_unit_test(test_a_list_of_test_codes_is_read_strictly),
		cmocka_unit_test(test_a_test_code_is_of_its_whole_address_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recovery codes, and base32, which they and the secrets of TOTP are written in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "factors/base32.h"
#include "factors/recovery_code.h"

static void test_base32_is_that_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {{"", ""},
						 {"f", "MY"},
						 {"fo", "MZXQ"},
						 {"foo", "MZXW6"},
						 {"foob", "MZXW6YQ"},
						 {"fooba", "MZXW6YTB"},
						 {"foobar", "MZXW6YTBOI"}};
	char text[BASE32_LEN(6) + 1];

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		base32_encode((const uint8_t *)vectors[i][0], strlen(vectors[i][0]), text);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(strlen(text), BASE32_LEN(strlen(vectors[i][0])));
	}
}

static void test_a_code_is_four_groups_of_six_characters(void **state)
{
	char code[RECOVERY_CODE_LEN + 1];

	recovery_code_make(code);
	assert_int_equal(strlen(code), RECOVERY_CODE_LEN);
	for (int i = 0; i < RECOVERY_CODE_LEN; i++)
		assert_true(i % 7 == 6 ? code[i] == '-' : strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", code[i]) != NULL);
}

static void test_no_two_codes_of_a_set_are_alike(void **state)
{
	char codes[RECOVERY_CODES][RECOVERY_CODE_LEN + 1], array[RECOVERY_ARRAY_BYTES];

	recovery_code_make_set(codes, array);
	for (int i = 0; i < RECOVERY_CODES; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(codes[i], codes[j]);
}

static void test_the_array_of_a_set_has_the_hash_of_each_code(void **state)
{
	char codes[RECOVERY_CODES][RECOVERY_CODE_LEN + 1], array[RECOVERY_ARRAY_BYTES], hash[RECOVERY_HASH_LEN + 1];

	recovery_code_make_set(codes, array);
	assert_int_equal(strlen(array), RECOVERY_ARRAY_BYTES - 1);
	assert_int_equal(array[0], '{');
	assert_int_equal(array[RECOVERY_ARRAY_BYTES - 2], '}');
	for (int i = 0; i < RECOVERY_CODES; i++) {
		assert_int_equal(recovery_code_hash(codes[i], hash), STATUS_OK);
		assert_memory_equal(array + 1 + i * (RECOVERY_HASH_LEN + 1), hash, RECOVERY_HASH_LEN);
	}
}

static void test_case_dashes_and_blanks_make_no_difference(void **state)
{
	char one[RECOVERY_HASH_LEN + 1], other[RECOVERY_HASH_LEN + 1];

	assert_int_equal(recovery_code_hash("ABCDEF-GHIJKL-MNOPQR-STUV27", one), STATUS_OK);
	assert_int_equal(recovery_code_hash(" abcdefghijkl mnopqr---stuv27", other), STATUS_OK);
	assert_string_equal(one, other);
	assert_int_equal(recovery_code_hash("ABCDEF-GHIJKL-MNOPQR-STUV26", other), STATUS_OK);
	assert_string_not_equal(one, other);
}

static void test_what_is_not_24_characters_of_base32_is_no_code(void **state)
{
	static const char *const texts[] = {"",
					    "123456",
					    "ABCDEF-GHIJKL-MNOPQR-STUV2",
					    "ABCDEF-GHIJKL-MNOPQR-STUV277",
					    "ABCDEF-GHIJKL-MNOPQR-STUV20",
					    "ABCDEF-GHIJKL-MNOPQR-STUV2\xc3\xa4",
					    "ABCDEF_GHIJKL_MNOPQR_STUV27"};
	char hash[RECOVERY_HASH_LEN + 1];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(recovery_code_hash(texts[i], hash), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base32_is_that_of_rfc_4648),
		cmocka_unit_test(test_a_code_is_four_groups_of_six_characters),
		cmocka_unit_test(test_no_two_codes_of_a_set_are_alike),
		cmocka_unit_test(test_the_array_of_a_set_has_the_hash_of_each_code),
		cmocka_unit_test(test_case_dashes_and_blanks_make_no_difference),
		cmocka_unit_test(test_what_is_not_24_characters_of_base32_is_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Codes of an authenticator app, with the vectors of the RFCs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "factors/totp.h"

#define NOW_S 1111111111LL
#define NOW_STEP (NOW_S / TOTP_STEP_S)

static const uint8_t secret[] = "12345678901234567890"; /* of the RFCs' appendices */

static const char *code_of(int64_t step)
{
	static char code[TOTP_DIGITS + 1];

	snprintf(code, sizeof code, "%06u", (unsigned)(totp_code(secret, TOTP_SECRET_BYTES, (uint64_t)step) % 1000000));
	return code;
}

static void test_codes_are_those_of_rfc_4226(void **state)
{
	static const uint32_t codes[] = {755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489};

	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(totp_code(secret, TOTP_SECRET_BYTES, i), codes[i]);
}

static void test_codes_are_the_last_six_digits_of_rfc_6238(void **state)
{
	static const struct {
		int64_t unix_s;
		uint32_t code;
	} vectors[] = {{59, 287082},       {1111111109, 81804},  {1111111111, 50471},
		       {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130}};

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		assert_int_equal(totp_code(secret, TOTP_SECRET_BYTES, (uint64_t)(vectors[i].unix_s / TOTP_STEP_S)),
				 vectors[i].code);
}

static void test_a_code_is_good_for_its_step_and_one_to_either_side(void **state)
{
	for (int64_t off = -3; off <= 3; off++) {
		int64_t step = 0;
		bool is_found = totp_find_step(secret, code_of(NOW_STEP + off), NOW_S, 0, &step);

		assert_int_equal(is_found, off >= -1 && off <= 1);
		if (is_found)
			assert_int_equal(step, NOW_STEP + off);
	}
}

static void test_a_step_that_was_used_and_each_before_it_is_refused(void **state)
{
	int64_t step = 0;

	assert_false(totp_find_step(secret, code_of(NOW_STEP), NOW_S, NOW_STEP, &step));
	assert_false(totp_find_step(secret, code_of(NOW_STEP - 1), NOW_S, NOW_STEP, &step));
	assert_true(totp_find_step(secret, code_of(NOW_STEP + 1), NOW_S, NOW_STEP, &step));
	assert_int_equal(step, NOW_STEP + 1);
}

static void test_what_is_not_six_digits_is_no_code(void **state)
{
	static const char *const texts[] = {"",       "050471 ", " 50471", "50471",         "0050471",
					    "05047a", "+50471",  "-50471", "05047\xd9\xa1", "0504711111111111111111"};
	int64_t step = 0;

	assert_true(totp_find_step(secret, "050471", NOW_S, 0, &step));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(totp_find_step(secret, texts[i], NOW_S, 0, &step));
}

static void test_the_address_of_a_qr_code_has_the_account_escaped(void **state)
{
	char *uri = totp_uri("a+b&issuer=Evil@x.test", "ABCD2345");

	assert_string_equal(uri, "otpauth://totp/Abacus:a%2Bb%26issuer%3DEvil%40x.test?secret=ABCD2345&issuer=Abacus"
				 "&algorithm=SHA1&digits=6&period=30");
	mem_free_secret(uri);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes_are_those_of_rfc_4226),
		cmocka_unit_test(test_codes_are_the_last_six_digits_of_rfc_6238),
		cmocka_unit_test(test_a_code_is_good_for_its_step_and_one_to_either_side),
		cmocka_unit_test(test_a_step_that_was_used_and_each_before_it_is_refused),
		cmocka_unit_test(test_what_is_not_six_digits_is_no_code),
		cmocka_unit_test(test_the_address_of_a_qr_code_has_the_account_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

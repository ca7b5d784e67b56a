/* Authenticator data (WebAuthn §6.1): each rule of authenticator_data.h by bytes that break it alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/webauthn/hex.h"
#include "webauthn/authenticator_data.h"

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define COUNT "00000007"
#define MODEL "00000000000000000000000000000000"
#define ATTESTED HASH "45" COUNT MODEL
#define EXTENDED HASH "85" COUNT
#define KEY "a5010203262001215820" HASH "225820" HASH

/* From memory of its exact size, so that the address sanitizer sees a read beyond it. */
static enum status read_data(const char *text, struct authenticator_data *data)
{
	size_t size = strlen(text) / 2;
	uint8_t *bytes = malloc(size);
	enum status status = authenticator_data_read(bytes, from_hex(text, bytes, size), data);

	free(bytes);
	return status;
}

static void assert_invalid(const char *const *texts, size_t n)
{
	struct authenticator_data data;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(read_data(texts[i], &data), STATUS_INVALID);
}

static void test_its_parts_are_read(void **state)
{
	struct authenticator_data data;

	assert_int_equal(read_data(HASH "05" COUNT, &data), STATUS_OK);
	assert_int_equal(data.flags, AUTHENTICATOR_DATA_PRESENT | AUTHENTICATOR_DATA_VERIFIED);
	assert_int_equal(data.sign_count, 7);
	assert_int_equal(data.credential_id_len, 0);
	assert_int_equal(read_data(ATTESTED "0002abcd" KEY, &data), STATUS_OK);
	assert_int_equal(data.credential_id_len, 2);
	assert_int_equal(data.key_len, strlen(KEY) / 2);
}

static void test_extensions_are_passed(void **state)
{
	struct authenticator_data data;

	assert_int_equal(read_data(EXTENDED "a0", &data), STATUS_OK);
	assert_int_equal(read_data(EXTENDED "a163666f6f8201f5", &data), STATUS_OK);
}

static void test_what_is_cut_short_is_invalid(void **state)
{
	static const char *const texts[] = {HASH "0500",   HASH "45" COUNT,   HASH "45" COUNT "0000", ATTESTED,
					    ATTESTED "00", ATTESTED "0002ab", ATTESTED "0002abcd",    EXTENDED,
					    EXTENDED "a1"};

	assert_invalid(texts, sizeof texts / sizeof *texts);
}

static void test_an_id_that_is_empty_or_too_long_is_invalid(void **state)
{
	static const char *const texts[] = {ATTESTED "0000" KEY, ATTESTED "0400" KEY, ATTESTED "ffff" KEY};

	assert_invalid(texts, sizeof texts / sizeof *texts);
}

static void test_a_key_or_extensions_that_are_none_are_invalid(void **state)
{
	static const char *const texts[] = {ATTESTED "0002abcd"
						     "a0",
					    ATTESTED "0002abcd"
						     "00",
					    EXTENDED "00", EXTENDED "80"};

	assert_invalid(texts, sizeof texts / sizeof *texts);
}

static void test_bytes_behind_the_end_are_invalid(void **state)
{
	static const char *const texts[] = {HASH "05" COUNT "00", ATTESTED "0002abcd" KEY "a0", EXTENDED "a000"};

	assert_invalid(texts, sizeof texts / sizeof *texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_parts_are_read),
		cmocka_unit_test(test_extensions_are_passed),
		cmocka_unit_test(test_what_is_cut_short_is_invalid),
		cmocka_unit_test(test_an_id_that_is_empty_or_too_long_is_invalid),
		cmocka_unit_test(test_a_key_or_extensions_that_are_none_are_invalid),
		cmocka_unit_test(test_bytes_behind_the_end_are_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

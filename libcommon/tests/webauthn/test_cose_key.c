/* Which public keys are accepted: each rule of cose_key.h by a key that breaks it alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/webauthn/hex.h"
#include "webauthn/cose_key.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define X "215820" ZEROS
#define Y "225820" ZEROS

static enum status read_key(const char *text, struct cose_key *key)
{
	static uint8_t bytes[1024];
	struct cbor_reader reader = {bytes, from_hex(text, bytes, sizeof bytes)};

	return cose_key_read(&reader, key);
}

static void test_a_point_is_read(void **state)
{
	struct cose_key key;

	assert_int_equal(read_key("a5010203262001" X Y, &key), STATUS_OK);
	assert_int_equal(key.algorithm, COSE_ES256);
}

static void test_the_order_of_parameters_does_not_matter(void **state)
{
	struct cose_key key;

	assert_int_equal(read_key("a5" Y X "200103260102", &key), STATUS_OK);
}

static void test_what_is_no_point_of_es256_is_invalid(void **state)
{
	static const char *const keys[] = {
		"a40102032620"
		"01" X,                                 /* without y */
		"a5010203262001" X X,                   /* x twice */
		"a5010203262002" X Y,                   /* another curve */
		"a5010203272001" X Y,                   /* EdDSA */
		"a5010303262001" X Y,                   /* another type */
		"a5010203262001" X "225821" ZEROS "00", /* y is too long */
		"a5010203262001" X "22f5",              /* y is a sign of it: a compressed point */
		"a6010203262001" X Y "0401",            /* a parameter more */
		"a5010203262001" X "235820" ZEROS,      /* d, the private key */
		"a5613102032620"
		"01" X Y,           /* a text as a label */
		"850102032620",     /* a list */
		"a5010203262001" X, /* cut short */
		"",
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct cose_key key = {.modulus_len = 7};

		assert_int_equal(read_key(keys[i], &key), STATUS_INVALID);
		assert_int_equal(key.modulus_len, 7);
	}
}

/* Writes a key with a modulus of len bytes that begins with first, and an exponent. */
static enum status read_rsa(size_t len, uint8_t first, const char *exponent, struct cose_key *key)
{
	static uint8_t bytes[1024];
	size_t used = from_hex("a401030339010020", bytes, sizeof bytes);
	struct cbor_reader reader;

	bytes[used++] = 0x59;
	bytes[used++] = (uint8_t)(len >> 8);
	bytes[used++] = (uint8_t)len;
	memset(bytes + used, 0xFF, len);
	bytes[used] = first;
	used += len;
	used += from_hex(exponent, bytes + used, sizeof bytes - used);
	reader = (struct cbor_reader){bytes, used};
	return cose_key_read(&reader, key);
}

static void test_moduli_of_2048_to_4096_bits_are_read(void **state)
{
	static const struct {
		size_t len;
		uint8_t first;
		const char *exponent;
		enum status status;
	} rows[] = {
		{256, 0x80, "2143010001", STATUS_OK},        {384, 0x80, "2143010001", STATUS_OK},
		{512, 0xFF, "2143010001", STATUS_OK},        {255, 0xFF, "2143010001", STATUS_INVALID},
		{513, 0xFF, "2143010001", STATUS_INVALID},   {256, 0x7F, "2143010001", STATUS_INVALID},
		{257, 0x00, "2143010001", STATUS_INVALID},   {256, 0x80, "214103", STATUS_INVALID},
		{256, 0x80, "214400010001", STATUS_INVALID}, {256, 0x80, "2101", STATUS_INVALID},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cose_key key;

		assert_int_equal(read_rsa(rows[i].len, rows[i].first, rows[i].exponent, &key), rows[i].status);
		if (rows[i].status == STATUS_OK)
			assert_int_equal(key.modulus_len, rows[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_point_is_read),
		cmocka_unit_test(test_the_order_of_parameters_does_not_matter),
		cmocka_unit_test(test_what_is_no_point_of_es256_is_invalid),
		cmocka_unit_test(test_moduli_of_2048_to_4096_bits_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* CBOR item by item: the examples of RFC 8949 appendix A, and what authenticators must not send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/webauthn/hex.h"
#include "webauthn/cbor_reader.h"

static enum status read_one(const char *text, struct cbor_value *value, size_t *left)
{
	static uint8_t bytes[4096];
	struct cbor_reader reader = {bytes, from_hex(text, bytes, sizeof bytes)};
	enum status status = cbor_reader_next(&reader, value);

	*left = reader.len;
	return status;
}

static void test_integers_of_the_rfc_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
	} rows[] = {
		{"00", 0},
		{"17", 23},
		{"1818", 24},
		{"1903e8", 1000},
		{"1a000f4240", 1000000},
		{"1b000000e8d4a51000", 1000000000000},
		{"20", -1},
		{"3863", -100},
		{"3903e7", -1000},
		{"1b7fffffffffffffff", INT64_MAX},
		{"3b7fffffffffffffff", INT64_MIN},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cbor_value value;
		size_t left;

		assert_int_equal(read_one(rows[i].text, &value, &left), STATUS_OK);
		assert_int_equal(value.kind, CBOR_KIND_INT);
		assert_true(value.number == rows[i].number);
		assert_int_equal(left, 0);
	}
}

static void test_strings_are_borrowed_from_the_input(void **state)
{
	struct cbor_value value;
	size_t left;

	assert_int_equal(read_one("4401020304ff", &value, &left), STATUS_OK);
	assert_int_equal(value.kind, CBOR_KIND_BYTES);
	assert_int_equal(value.len, 4);
	assert_memory_equal(value.bytes, "\1\2\3\4", 4);
	assert_int_equal(left, 1);
	assert_int_equal(read_one("6449455446", &value, &left), STATUS_OK);
	assert_int_equal(value.kind, CBOR_KIND_TEXT);
	assert_memory_equal(value.bytes, "IETF", 4);
}

static void test_of_a_container_only_its_head_is_read(void **state)
{
	struct cbor_value value;
	size_t left;

	assert_int_equal(read_one("83010203", &value, &left), STATUS_OK);
	assert_int_equal(value.kind, CBOR_KIND_ARRAY);
	assert_int_equal(value.len, 3);
	assert_int_equal(left, 3);
	assert_int_equal(read_one("a201020304", &value, &left), STATUS_OK);
	assert_int_equal(value.kind, CBOR_KIND_MAP);
	assert_int_equal(value.len, 2);
	assert_int_equal(left, 4);
}

static void test_items_without_a_use_here_are_of_the_other_kind(void **state)
{
	static const char *const texts[] = {"f4", "f5", "f6", "f7", "f93c00", "fa47c35000", "fb3ff199999999999a", "c100"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct cbor_value value;
		size_t left;

		assert_int_equal(read_one(texts[i], &value, &left), STATUS_OK);
		assert_int_equal(value.kind, CBOR_KIND_OTHER);
	}
}

static void test_what_is_cut_short_indefinite_or_too_large_is_invalid(void **state)
{
	static const char *const texts[] = {
		"",
		"18",
		"1900",
		"1a000000",
		"1bffffffffffffffff",
		"3bffffffffffffffff",
		"44010203",
		"9f01ff",
		"bfff",
		"5f4101ff",
		"7f6161ff",
		"ff",
		"1c",
		"8301",
		"a101",
		"9bffffffffffffffff",
		"bbffffffffffffffff",
		"bb8000000000000000",
		"5bffffffffffffffff",
		"c1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct cbor_value value;
		size_t left;

		assert_int_equal(read_one(texts[i], &value, &left), STATUS_INVALID);
	}
}

static void test_an_item_is_passed_with_all_that_is_in_it(void **state)
{
	uint8_t bytes[64];
	struct cbor_reader reader = {bytes, from_hex("a26161a1616282c10102616340"
						     "05",
						     bytes, sizeof bytes)};
	struct cbor_value value;

	assert_int_equal(cbor_reader_skip(&reader), STATUS_OK);
	assert_int_equal(reader.len, 1);
	assert_int_equal(cbor_reader_expect(&reader, CBOR_KIND_INT, &value), STATUS_OK);
	assert_int_equal(value.number, 5);
}

/* A million arrays in each other: neither the stack nor memory grows with them. */
static void test_nesting_of_any_depth_is_passed(void **state)
{
	static uint8_t bytes[1 << 20];
	struct cbor_reader reader = {bytes, sizeof bytes};

	memset(bytes, 0x81, sizeof bytes);
	assert_int_equal(cbor_reader_skip(&reader), STATUS_INVALID);
	bytes[sizeof bytes - 1] = 0x00;
	reader = (struct cbor_reader){bytes, sizeof bytes};
	assert_int_equal(cbor_reader_skip(&reader), STATUS_OK);
	assert_int_equal(reader.len, 0);
}

static void test_another_kind_than_expected_is_invalid(void **state)
{
	uint8_t bytes[8];
	struct cbor_reader reader = {bytes, from_hex("00", bytes, sizeof bytes)};
	struct cbor_value value = {.number = 7};

	assert_int_equal(cbor_reader_expect(&reader, CBOR_KIND_MAP, &value), STATUS_INVALID);
	assert_int_equal(value.number, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_of_the_rfc_are_read),
		cmocka_unit_test(test_strings_are_borrowed_from_the_input),
		cmocka_unit_test(test_of_a_container_only_its_head_is_read),
		cmocka_unit_test(test_items_without_a_use_here_are_of_the_other_kind),
		cmocka_unit_test(test_what_is_cut_short_indefinite_or_too_large_is_invalid),
		cmocka_unit_test(test_an_item_is_passed_with_all_that_is_in_it),
		cmocka_unit_test(test_nesting_of_any_depth_is_passed),
		cmocka_unit_test(test_another_kind_than_expected_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

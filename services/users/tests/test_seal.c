/* Secrets that are sealed for Postgres. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "factors/seal.h"

#define KEY "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"
#define LEN 20

static const uint8_t secret[LEN] = "twenty secret bytes";

static enum status open_with(const char *key, const char *previous, const char *about, const char *text)
{
	uint8_t bytes[LEN];
	bool is_previous;

	return seal_open(key, previous, about, text, bytes, LEN, &is_previous);
}

static void test_keys_are_derived_as_rfc_5869_says(void **state)
{
	static const uint8_t
		expected[] = {0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80,
			      0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1,
			      0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d}; /* A.3, no salt, no info */
	static const char ikm[] = "\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v\v";
	uint8_t key[SEAL_KEY_BYTES];

	seal_derive(ikm, "", key);
	assert_memory_equal(key, expected, sizeof key);
}

static void test_a_sealed_secret_opens_again(void **state)
{
	char text[SEAL_LEN_MAX + 1];
	uint8_t bytes[LEN];
	bool is_previous = true;

	seal(KEY, "row 1", secret, LEN, text);
	assert_int_equal(seal_open(KEY, NULL, "row 1", text, bytes, LEN, &is_previous), STATUS_OK);
	assert_memory_equal(bytes, secret, LEN);
	assert_false(is_previous);
}

static void test_the_previous_key_opens_too_and_is_reported(void **state)
{
	char text[SEAL_LEN_MAX + 1];
	uint8_t bytes[LEN];
	bool is_previous = false;

	seal(OTHER, "row 1", secret, LEN, text);
	assert_int_equal(seal_open(KEY, OTHER, "row 1", text, bytes, LEN, &is_previous), STATUS_OK);
	assert_memory_equal(bytes, secret, LEN);
	assert_true(is_previous);
	assert_int_equal(open_with(KEY, NULL, "row 1", text), STATUS_INVALID);
}

static void test_a_secret_opens_only_where_it_belongs(void **state)
{
	char text[SEAL_LEN_MAX + 1];

	seal(KEY, "row 1", secret, LEN, text);
	assert_int_equal(open_with(KEY, NULL, "row 2", text), STATUS_INVALID);
}

static void test_a_secret_of_which_any_character_was_changed_does_not_open(void **state)
{
	char text[SEAL_LEN_MAX + 1];

	seal(KEY, "row 1", secret, LEN, text);
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(open_with(KEY, OTHER, "row 1", text), STATUS_INVALID);
		text[i] = was;
	}
	text[strlen(text) - 1] = '\0';
	assert_int_equal(open_with(KEY, NULL, "row 1", text), STATUS_INVALID);
	assert_int_equal(open_with(KEY, NULL, "row 1", ""), STATUS_INVALID);
}

static void test_one_secret_is_sealed_in_another_way_each_time(void **state)
{
	char text[SEAL_LEN_MAX + 1], again[SEAL_LEN_MAX + 1];

	seal(KEY, "row 1", secret, LEN, text);
	seal(KEY, "row 1", secret, LEN, again);
	assert_string_not_equal(text, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_derived_as_rfc_5869_says),
		cmocka_unit_test(test_a_sealed_secret_opens_again),
		cmocka_unit_test(test_the_previous_key_opens_too_and_is_reported),
		cmocka_unit_test(test_a_secret_opens_only_where_it_belongs),
		cmocka_unit_test(test_a_secret_of_which_any_character_was_changed_does_not_open),
		cmocka_unit_test(test_one_secret_is_sealed_in_another_way_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

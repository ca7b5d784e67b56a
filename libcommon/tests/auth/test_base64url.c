/* Base64 without padding in the URL's alphabet: RFC 4648 §5 and §10. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "auth/base64url.h"
#include "tests/random_input.h"

static const struct {
	const char *bytes, *text;
} vectors[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
	       {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
#define VECTORS (sizeof vectors / sizeof *vectors)

static enum status decode(const char *text)
{
	uint8_t bytes[64];
	size_t len;

	return base64url_decode(text, strlen(text), bytes, &len);
}

static void test_the_examples_of_the_rfc_are_encoded_without_their_padding(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		char text[16];
		size_t len = base64url_encode((const uint8_t *)vectors[i].bytes, strlen(vectors[i].bytes), text);

		assert_int_equal(len, strlen(vectors[i].text));
		assert_memory_equal(text, vectors[i].text, len);
	}
}

static void test_the_examples_of_the_rfc_are_decoded(void **state)
{
	for (size_t i = 0; i < VECTORS; i++) {
		uint8_t bytes[16];
		size_t len = 99;

		assert_int_equal(base64url_decode(vectors[i].text, strlen(vectors[i].text), bytes, &len), STATUS_OK);
		assert_int_equal(len, strlen(vectors[i].bytes));
		assert_memory_equal(bytes, vectors[i].bytes, len);
	}
}

static void test_the_last_two_digits_are_those_of_the_url_safe_alphabet(void **state)
{
	char text[4];

	assert_int_equal(base64url_encode((const uint8_t[]){0xFB, 0xEF, 0xFF}, 3, text), 4);
	assert_memory_equal(text, "--__", 4);
}

static void test_the_text_is_as_long_as_the_macro_says_and_has_no_nul(void **state)
{
	uint8_t bytes[32] = {0};

	for (size_t len = 0; len <= sizeof bytes; len++) {
		char text[BASE64URL_LEN(sizeof bytes) + 1];

		memset(text, '!', sizeof text);
		assert_int_equal(base64url_encode(bytes, len, text), BASE64URL_LEN(len));
		assert_int_equal(text[BASE64URL_LEN(len)], '!');
	}
}

static void test_padding_is_refused(void **state)
{
	assert_int_equal(decode("Zg=="), STATUS_INVALID);
	assert_int_equal(decode("Zm8="), STATUS_INVALID);
}

static void test_white_space_is_refused(void **state)
{
	static const char *const texts[] = {" Zm9v", "Zm9v\n", "Zm 9v", "Zm9v\r\nZm"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(decode(texts[i]), STATUS_INVALID);
}

static void test_every_character_outside_the_alphabet_is_refused(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (int c = 0; c < 256; c++) {
		char text[4] = {'A', (char)c, 'A', 'A'};
		uint8_t bytes[3];
		size_t len;
		enum status expected = c && strchr(alphabet, c) ? STATUS_OK : STATUS_INVALID;

		assert_int_equal(base64url_decode(text, sizeof text, bytes, &len), expected);
	}
}

static void test_an_impossible_length_is_refused(void **state)
{
	assert_int_equal(decode("A"), STATUS_INVALID);
	assert_int_equal(decode("AAAAA"), STATUS_INVALID);
}

static void test_unused_bits_that_are_set_are_refused(void **state)
{
	assert_int_equal(decode("Zh"), STATUS_INVALID);
	assert_int_equal(decode("Zm9"), STATUS_INVALID);
}

static void test_each_single_byte_has_exactly_one_spelling(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	int spellings = 0;

	for (int i = 0; i < 64; i++)
		for (int j = 0; j < 64; j++)
			spellings += decode((char[]){alphabet[i], alphabet[j], '\0'}) == STATUS_OK;
	assert_int_equal(spellings, 256);
}

static void test_random_bytes_survive_encoding_and_decoding(void **state)
{
	random_input_start();
	for (int round = 0; round < 2000; round++) {
		uint8_t bytes[100], back[100];
		char text[BASE64URL_LEN(sizeof bytes)];
		size_t len = random_input_bytes(bytes, sizeof bytes), back_len = 0;
		size_t text_len = base64url_encode(bytes, len, text);

		assert_int_equal(base64url_decode(text, text_len, back, &back_len), STATUS_OK);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, bytes, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_examples_of_the_rfc_are_encoded_without_their_padding),
		cmocka_unit_test(test_the_examples_of_the_rfc_are_decoded),
		cmocka_unit_test(test_the_last_two_digits_are_those_of_the_url_safe_alphabet),
		cmocka_unit_test(test_the_text_is_as_long_as_the_macro_says_and_has_no_nul),
		cmocka_unit_test(test_padding_is_refused),
		cmocka_unit_test(test_white_space_is_refused),
		cmocka_unit_test(test_every_character_outside_the_alphabet_is_refused),
		cmocka_unit_test(test_an_impossible_length_is_refused),
		cmocka_unit_test(test_unused_bits_that_are_set_are_refused),
		cmocka_unit_test(test_each_single_byte_has_exactly_one_spelling),
		cmocka_unit_test(test_random_bytes_survive_encoding_and_decoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

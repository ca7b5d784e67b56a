/* The growing buffer, and the escaping of JSON strings: RFC 8259 §7. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "tests/random_input.h"

static struct buf buf;

static int drop(void **state)
{
	buf_free(&buf);
	return 0;
}

static const char *escaped(const char *text)
{
	buf_free(&buf);
	buf_json_text(&buf, text);
	assert_int_equal(strlen(buf.bytes), buf.len);
	return buf.bytes;
}

static void test_pieces_are_put_end_to_end_with_a_nul_after_them(void **state)
{
	buf_add(&buf, "abc", 2);
	buf_text(&buf, "cd");
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.bytes, "abcd", 5);
}

static void test_bytes_may_hold_nuls(void **state)
{
	buf_add(&buf, "a\0b", 3);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.bytes, "a\0b", 4);
}

static void test_adding_an_empty_text_makes_an_empty_string(void **state)
{
	buf_text(&buf, "");
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.bytes, "");
}

static void test_adding_no_bytes_takes_a_null_pointer(void **state)
{
	buf_add(&buf, NULL, 0);
	assert_string_equal(buf.bytes, "");
}

static void test_a_buffer_grows_without_losing_a_byte(void **state)
{
	for (int i = 0; i < 100000; i++)
		buf_add(&buf, &"0123456789"[i % 10], 1);
	assert_int_equal(buf.len, 100000);
	for (size_t i = 0; i < buf.len; i++)
		assert_int_equal(buf.bytes[i], '0' + (int)(i % 10));
}

static void test_one_piece_beyond_twice_the_capacity_fits(void **state)
{
	static char large[70000];

	memset(large, 'x', sizeof large);
	buf_text(&buf, "a");
	buf_add(&buf, large, sizeof large);
	assert_int_equal(buf.len, sizeof large + 1);
	assert_int_equal(buf.bytes[sizeof large], 'x');
	assert_int_equal(buf.bytes[sizeof large + 1], '\0');
}

static void test_a_freed_buffer_is_empty_and_usable(void **state)
{
	buf_text(&buf, "before");
	buf_free(&buf);
	assert_null(buf.bytes);
	assert_int_equal(buf.len, 0);
	buf_text(&buf, "after");
	assert_string_equal(buf.bytes, "after");
}

static void test_numbers_are_written_whole_from_the_least_to_the_greatest(void **state)
{
	static const struct {
		int64_t number;
		const char *text;
	} cases[] = {{0, "0"},   {-1, "-1"},
		     {10, "10"}, {INT64_MAX, "9223372036854775807"},
		     {7, "7"},   {INT64_MIN, "-9223372036854775808"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_free(&buf);
		buf_int(&buf, cases[i].number);
		assert_string_equal(buf.bytes, cases[i].text);
	}
}

static void test_formatted_text_is_added_at_the_end(void **state)
{
	buf_text(&buf, "a");
	buf_printf(&buf, "%s=%d", "b", 7);
	assert_string_equal(buf.bytes, "ab=7");
	assert_int_equal(buf.len, 4);
}

static void test_formatted_text_may_be_longer_than_the_buffer(void **state)
{
	buf_printf(&buf, "%*d", 5000, 7);
	assert_int_equal(buf.len, 5000);
	assert_int_equal(buf.bytes[4999], '7');
}

static void test_a_null_pointer_is_json_null(void **state)
{
	assert_string_equal(escaped(NULL), "null");
}

static void test_empty_text_is_two_quotes(void **state)
{
	assert_string_equal(escaped(""), "\"\"");
}

static void test_quotes_and_backslashes_are_escaped(void **state)
{
	assert_string_equal(escaped("say \"a\\b\""), "\"say \\\"a\\\\b\\\"\"");
}

static void test_common_control_characters_have_their_short_escapes(void **state)
{
	assert_string_equal(escaped("\n\t\r\b\f"), "\"\\n\\t\\r\\b\\f\"");
}

static void test_other_control_characters_are_written_as_numbers(void **state)
{
	assert_string_equal(escaped("\x01\x1f"), "\"\\u0001\\u001f\"");
}

static void test_what_needs_no_escape_is_left_as_it_is(void **state)
{
	assert_string_equal(escaped("a/b \x7f <ü> € 😀"), "\"a/b \x7f <ü> € 😀\"");
}

static void test_the_ends_of_each_length_of_utf8_are_left_as_they_are(void **state)
{
	static const char text[] =
		"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";

	assert_memory_equal(escaped(text) + 1, text, sizeof text - 1);
	assert_int_equal(buf.len, sizeof text - 1 + 2);
}

static void test_each_byte_that_begins_no_utf8_becomes_a_replacement_character(void **state)
{
	assert_string_equal(escaped("a\x80z"), "\"a\xEF\xBF\xBDz\"");
	assert_string_equal(escaped("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_string_equal(escaped("\xFF"), "\"\xEF\xBF\xBD\"");
}

static void test_overlong_surrogate_and_too_high_sequences_are_replaced(void **state)
{
	static const char *const texts[] = {"\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
					    "\xF5\x80\x80\x80"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_memory_equal(escaped(texts[i]) + 1, "\xEF\xBF\xBD", 3);
}

static void test_utf8_that_ends_too_early_is_replaced_and_nothing_beyond_is_read(void **state)
{
	static const char *const texts[] = {"\xC3", "\xE2\x82", "\xF0\x9F\x98"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *exact = strdup(texts[i]);

		escaped(exact);
		free(exact);
		assert_int_equal(buf.len, 2 + 3 * strlen(texts[i]));
	}
}

static void test_any_bytes_become_one_json_string(void **state)
{
	random_input_start();
	for (int round = 0; round < 5000; round++) {
		char text[41];
		size_t len = random_input_bytes((uint8_t *)text, sizeof text - 1);
		cJSON *json = NULL;

		text[len] = '\0';
		escaped(text);
		assert_int_equal(json_parse(buf.bytes, buf.len, &json), STATUS_OK);
		assert_true(cJSON_IsString(json));
		cJSON_Delete(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_pieces_are_put_end_to_end_with_a_nul_after_them, drop),
		cmocka_unit_test_teardown(test_bytes_may_hold_nuls, drop),
		cmocka_unit_test_teardown(test_adding_an_empty_text_makes_an_empty_string, drop),
		cmocka_unit_test_teardown(test_adding_no_bytes_takes_a_null_pointer, drop),
		cmocka_unit_test_teardown(test_a_buffer_grows_without_losing_a_byte, drop),
		cmocka_unit_test_teardown(test_one_piece_beyond_twice_the_capacity_fits, drop),
		cmocka_unit_test_teardown(test_a_freed_buffer_is_empty_and_usable, drop),
		cmocka_unit_test_teardown(test_numbers_are_written_whole_from_the_least_to_the_greatest, drop),
		cmocka_unit_test_teardown(test_formatted_text_is_added_at_the_end, drop),
		cmocka_unit_test_teardown(test_formatted_text_may_be_longer_than_the_buffer, drop),
		cmocka_unit_test_teardown(test_a_null_pointer_is_json_null, drop),
		cmocka_unit_test_teardown(test_empty_text_is_two_quotes, drop),
		cmocka_unit_test_teardown(test_quotes_and_backslashes_are_escaped, drop),
		cmocka_unit_test_teardown(test_common_control_characters_have_their_short_escapes, drop),
		cmocka_unit_test_teardown(test_other_control_characters_are_written_as_numbers, drop),
		cmocka_unit_test_teardown(test_what_needs_no_escape_is_left_as_it_is, drop),
		cmocka_unit_test_teardown(test_the_ends_of_each_length_of_utf8_are_left_as_they_are, drop),
		cmocka_unit_test_teardown(test_each_byte_that_begins_no_utf8_becomes_a_replacement_character, drop),
		cmocka_unit_test_teardown(test_overlong_surrogate_and_too_high_sequences_are_replaced, drop),
		cmocka_unit_test_teardown(test_utf8_that_ends_too_early_is_replaced_and_nothing_beyond_is_read, drop),
		cmocka_unit_test_teardown(test_any_bytes_become_one_json_string, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

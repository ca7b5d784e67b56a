/* Writing JSON without a tree: commas, escaping, and that json_parse() reads what was written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "tests/random_input.h"

static struct buf out;

static int drop(void **state)
{
	buf_free(&out);
	return 0;
}

static const char *escaped(const char *text)
{
	buf_free(&out);
	json_write_text(&out, text);
	assert_int_equal(strlen(out.bytes), out.len);
	return out.bytes;
}

static void assert_written(const char *expected)
{
	cJSON *json = NULL;

	assert_string_equal(out.bytes, expected);
	assert_int_equal(json_parse(out.bytes, out.len, &json), STATUS_OK);
	cJSON_Delete(json);
	buf_free(&out);
}

static void test_the_example_of_the_header_is_written_as_it_says(void **state)
{
	json_write_object(&out);
	json_write_member_int(&out, "id", 7);
	json_write_key(&out, "kinds");
	json_write_array(&out);
	json_write_text(&out, "lucas");
	json_write_array_end(&out);
	json_write_object_end(&out);
	assert_written("{\"id\":7,\"kinds\":[\"lucas\"]}");
}

static void test_empty_objects_and_arrays_have_no_comma(void **state)
{
	json_write_object(&out);
	json_write_object_end(&out);
	assert_written("{}");
	json_write_array(&out);
	json_write_array_end(&out);
	assert_written("[]");
	json_write_array(&out);
	json_write_object(&out);
	json_write_object_end(&out);
	json_write_array(&out);
	json_write_array_end(&out);
	json_write_array_end(&out);
	assert_written("[{},[]]");
}

static void test_a_value_alone_has_no_comma(void **state)
{
	json_write_int(&out, -1);
	assert_written("-1");
	json_write_text(&out, "");
	assert_written("\"\"");
	json_write_null(&out);
	assert_written("null");
}

static void write_every_kind(void)
{
	json_write_text(&out, "a");
	json_write_text(&out, NULL);
	json_write_int(&out, INT64_MIN);
	json_write_bool(&out, true);
	json_write_bool(&out, false);
	json_write_null(&out);
	json_write_raw(&out, "1.5,", 3);
	json_write_object(&out);
	json_write_object_end(&out);
	json_write_array(&out);
	json_write_array_end(&out);
}

static void test_between_any_two_values_of_an_array_is_one_comma(void **state)
{
	json_write_array(&out);
	write_every_kind();
	write_every_kind();
	json_write_array_end(&out);
	assert_written("[\"a\",null,-9223372036854775808,true,false,null,1.5,{},[],"
		       "\"a\",null,-9223372036854775808,true,false,null,1.5,{},[]]");
}

static void test_between_any_two_members_is_one_comma(void **state)
{
	json_write_object(&out);
	json_write_member_text(&out, "a", "x");
	json_write_member_text(&out, "b", NULL);
	json_write_member_int(&out, "c", INT64_MAX);
	json_write_member_bool(&out, "d", true);
	json_write_member_bool(&out, "e", false);
	json_write_member_null(&out, "f");
	json_write_object_end(&out);
	assert_written("{\"a\":\"x\",\"b\":null,\"c\":9223372036854775807,\"d\":true,\"e\":false,\"f\":null}");
}

static void test_any_kind_of_value_follows_a_key_without_a_comma(void **state)
{
	json_write_object(&out);
	json_write_key(&out, "a");
	json_write_object(&out);
	json_write_key(&out, "b");
	json_write_array(&out);
	json_write_array_end(&out);
	json_write_object_end(&out);
	json_write_key(&out, "c");
	json_write_raw(&out, "0.25", 4);
	json_write_key(&out, "d");
	json_write_null(&out);
	json_write_object_end(&out);
	assert_written("{\"a\":{\"b\":[]},\"c\":0.25,\"d\":null}");
}

/* The byte before a value decides about the comma. A text may end with any byte, but its closing quote comes after it. */
static void test_a_text_that_ends_like_an_open_bracket_is_followed_by_a_comma(void **state)
{
	static const char *const texts[] = {"{", "[", ":", ",", "\n", "a,", ""};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_write_array(&out);
		json_write_text(&out, texts[i]);
		json_write_int(&out, 1);
		json_write_array_end(&out);
		assert_non_null(strstr(out.bytes, "\",1]"));
		buf_free(&out);
	}
}

static void test_texts_are_escaped_in_values_of_members_and_of_arrays(void **state)
{
	json_write_object(&out);
	json_write_member_text(&out, "a", "say \"\n\"");
	json_write_key(&out, "b");
	json_write_text(&out, "\\\x01\xFF");
	json_write_object_end(&out);
	assert_written("{\"a\":\"say \\\"\\n\\\"\",\"b\":\"\\\\\\u0001\xEF\xBF\xBD\"}");
}

static void test_a_text_may_follow_what_was_added_to_the_buffer_before(void **state)
{
	buf_text(&out, "{\"items\":[");
	for (int i = 0; i < 3; i++)
		json_write_int(&out, i);
	buf_text(&out, "]}");
	assert_written("{\"items\":[0,1,2]}");
}

static void test_a_member_follows_a_container_that_was_closed(void **state)
{
	json_write_object(&out);
	json_write_key(&out, "kinds");
	json_write_array(&out);
	json_write_text(&out, "lucas");
	json_write_array_end(&out);
	json_write_member_int(&out, "count", 1);
	json_write_object_end(&out);
	assert_written("{\"kinds\":[\"lucas\"],\"count\":1}");
}

static void test_plain_text_is_copied_up_to_its_length(void **state)
{
	json_write_object(&out);
	json_write_member_plain(&out, "preview", "12345", 2);
	json_write_member_plain(&out, "result", "", 0);
	json_write_object_end(&out);
	assert_written("{\"preview\":\"12\",\"result\":\"\"}");
}

/* ---- escaping: RFC 8259 §7 ---- */

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
	assert_int_equal(out.len, sizeof text - 1 + 2);
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
		assert_int_equal(out.len, 2 + 3 * strlen(texts[i]));
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
		assert_int_equal(json_parse(out.bytes, out.len, &json), STATUS_OK);
		assert_true(cJSON_IsString(json));
		cJSON_Delete(json);
	}
}

static void test_a_text_behind_the_name_of_a_field_begins_without_a_comma(void **state)
{
	buf_text(&out, "data: ");
	json_write_object(&out);
	assert_string_equal(out.bytes, "data: {");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_example_of_the_header_is_written_as_it_says, drop),
		cmocka_unit_test_teardown(test_empty_objects_and_arrays_have_no_comma, drop),
		cmocka_unit_test_teardown(test_a_value_alone_has_no_comma, drop),
		cmocka_unit_test_teardown(test_between_any_two_values_of_an_array_is_one_comma, drop),
		cmocka_unit_test_teardown(test_between_any_two_members_is_one_comma, drop),
		cmocka_unit_test_teardown(test_any_kind_of_value_follows_a_key_without_a_comma, drop),
		cmocka_unit_test_teardown(test_a_text_that_ends_like_an_open_bracket_is_followed_by_a_comma, drop),
		cmocka_unit_test_teardown(test_texts_are_escaped_in_values_of_members_and_of_arrays, drop),
		cmocka_unit_test_teardown(test_a_text_may_follow_what_was_added_to_the_buffer_before, drop),
		cmocka_unit_test_teardown(test_a_member_follows_a_container_that_was_closed, drop),
		cmocka_unit_test_teardown(test_plain_text_is_copied_up_to_its_length, drop),
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
		cmocka_unit_test_teardown(test_a_text_behind_the_name_of_a_field_begins_without_a_comma, drop),
		cmocka_unit_test_teardown(test_any_bytes_become_one_json_string, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

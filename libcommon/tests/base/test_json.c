/* JSON that a peer sent: what is refused before and after cJSON has parsed it (RFC 8259), and whole numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "tests/random_input.h"

static cJSON *json;

static int drop(void **state)
{
	cJSON_Delete(json);
	json = NULL;
	return 0;
}

/* Parses from memory of exactly that length, so that AddressSanitizer sees a read beyond it. */
static enum status parse_bytes(const char *bytes, size_t len)
{
	char *exact = malloc(len ? len : 1);
	enum status status;

	drop(NULL);
	memcpy(exact, bytes, len);
	status = json_parse(exact, len, &json);
	free(exact);
	return status;
}

static enum status parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void test_every_kind_of_value_is_read(void **state)
{
	static const char *const texts[] = {"{}",   "[]",    "\"text\"", "0",     "-1",
					    "1.5",  "-0",    "1e3",      "1E+3",  "12e-1",
					    "true", "false", "null",     "[1,2]", "{\"a\":{\"b\":[null]}}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_OK)
			fail_msg("%s", texts[i]);
}

static void test_white_space_around_the_text_is_fine(void **state)
{
	assert_int_equal(parse(" \t\r\n{ \"a\" :\n1 } \t\r\n"), STATUS_OK);
}

static void test_other_characters_around_the_text_are_refused(void **state)
{
	static const char *const texts[] = {"\v{}", "{}\f", "\x01{}", "{\x02}", "{}x", "{} {}", "{},", "\xC2\xA0{}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("case %zu", i);
}

static void test_empty_text_is_refused(void **state)
{
	assert_int_equal(parse(""), STATUS_INVALID);
	assert_int_equal(parse("  "), STATUS_INVALID);
}

static void test_broken_texts_are_refused(void **state)
{
	static const char *const texts[] = {"{",
					    "}",
					    "[1,]",
					    "{\"a\":1,}",
					    "{\"a\"}",
					    "{a:1}",
					    "'a'",
					    "\"a",
					    "tru",
					    "True",
					    "[1 2]",
					    "{\"a\" 1}",
					    "\"\\x\"",
					    "\"\\\"",
					    "\"\\u12\"",
					    "NaN",
					    "Infinity",
					    "// c\n1",
					    "[1]]",
					    "\"a\nb\"",
					    "\"a\tb\"",
					    "\"\\ud800\"",
					    "\"\\ud800\\u0041\""};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
}

static void test_numbers_that_break_the_grammar_are_refused(void **state)
{
	static const char *const texts[] = {"01", "-01", "00",   "1.",   "-.5",   ".5",  "+1",    "1e",    "1e+",
					    "-",  "--1", "1.e3", "0x10", "1.2.3", "1-2", "1e5.0", "[007]", "{\"a\":1.}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
}

static void test_a_malformed_number_in_a_string_is_text(void **state)
{
	assert_int_equal(parse("{\"a\":\"007 1. -.5\"}"), STATUS_OK);
	assert_string_equal(json_text(json, "a"), "007 1. -.5");
}

static void test_a_number_beyond_the_range_of_a_double_is_refused(void **state)
{
	static const char *const texts[] = {"1e309", "-1e309", "1e99999", "[1e753]", "{\"a\":17976931348623159e292}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
	assert_int_equal(parse("1e308"), STATUS_OK);
	assert_int_equal(parse("-1.7976931348623157e308"), STATUS_OK);
	assert_int_equal(parse("1e-999"), STATUS_OK);
}

static enum status parse_number_of(int digits)
{
	char text[100];

	memset(text, '1', (size_t)digits);
	return parse_bytes(text, (size_t)digits);
}

static void test_a_number_of_63_characters_is_read_and_of_64_refused(void **state)
{
	assert_int_equal(parse_number_of(63), STATUS_OK);
	assert_int_equal(parse_number_of(64), STATUS_INVALID);
}

static void test_structure_that_breaks_the_grammar_is_refused(void **state)
{
	static const char *const texts[] = {
		"[,1]",        "[1,,2]",  "[,]",       "{,}",       "{\"a\":}",    "{\"a\":1 \"b\":2}",
		"{\"a\":1,,}", "[1}",     "{]",        "{\"a\"]",   "[\"a\":1]",   "{1:2}",
		"{null:1}",    "truee",   "nul",       "null null", "\"a\" \"b\"", "{\"a\":1:2}",
		"[1 ,",        "{\"a\":", "{\"a\":1,", "\"",        "[\"a\nb\"]",  "\xEF\xBB\xBF{}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
}

static void test_every_control_character_is_refused_in_a_string(void **state)
{
	for (int c = 0; c < 0x20; c++) {
		const char text[] = {'"', 'a', (char)c, '"'};

		if (parse_bytes(text, sizeof text) != STATUS_INVALID)
			fail_msg("%02x", (unsigned)c);
	}
}

static void test_every_character_after_a_backslash_is_refused_unless_it_is_an_escape(void **state)
{
	for (int c = 0; c < 256; c++) {
		const char text[] = {'"', '\\', (char)c, '"'};
		bool is_escape = memchr("\"\\/bfnrt", c, 8) != NULL;

		if ((parse_bytes(text, sizeof text) == STATUS_OK) != is_escape)
			fail_msg("%02x", (unsigned)c);
	}
}

/* cJSON takes malformed digits for a NUL, which cut the string short: two passwords became the same one. */
static void test_an_escape_without_four_hexadecimal_digits_is_refused(void **state)
{
	static const char *const texts[] = {"\"\\u12G4\"",    "\"password-1\\uZZZZ\"",
					    "\"\\uZZZZ\"",    "{\"a\\u12G4\":1}",
					    "\"\\u\"",        "\"\\u1\"",
					    "\"\\u12\"",      "\"\\u123\"",
					    "\"\\u123",       "\"\\u",
					    "\"\\u 123\"",    "\"\\u+123\"",
					    "\"\\u-123\"",    "\"\\u0x1\"",
					    "\"\\U0041\"",    "\"\\u00 1\"",
					    "\"\\u004\x11\"", "\"\\ud83d\\uZZZZ\"",
					    "\"\\ud83d\\u\"", "\"\\ud83d\\uDE0\""};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
}

static void test_every_code_unit_is_read_except_nul_and_surrogates_alone(void **state)
{
	char text[16];

	for (unsigned unit = 0; unit <= 0xFFFF; unit++) {
		bool is_character = unit != 0 && (unit < 0xD800 || unit > 0xDFFF);

		snprintf(text, sizeof text, unit & 1 ? "\"\\u%04x\"" : "\"\\u%04X\"", unit);
		if ((parse(text) == STATUS_OK) != is_character)
			fail_msg("%s", text);
		if (is_character && !utf8_is_valid(json->valuestring, strlen(json->valuestring)))
			fail_msg("%s", text);
	}
}

static void test_surrogates_that_are_no_pair_are_refused(void **state)
{
	static const char *const texts[] = {
		"\"\\ud83dx\"",        "\"\\ud83d\\n\"",     "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\"", "\"\\ude00\\ud83d\"",
		"\"\\ud83d \\ude00\"", "\"\\udbff\\ue000\"", "\"\\udbff\\udbff\"", "\"\\ud83d\\Ude00\"", "\"\\ud83d\\u0000\""};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("%s", texts[i]);
}

static void test_the_least_and_the_greatest_pair_of_surrogates_are_read(void **state)
{
	assert_int_equal(parse("\"\\uD800\\uDC00\\udbff\\udfff\""), STATUS_OK);
	assert_string_equal(json->valuestring, "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

static void test_a_plain_nul_is_refused_wherever_it_is(void **state)
{
	static const char before[] = "\0{}", after[] = "{}\0", within[] = "{\"a\":\"b\0c\"}";

	assert_int_equal(parse_bytes(before, sizeof before - 1), STATUS_INVALID);
	assert_int_equal(parse_bytes(after, sizeof after - 1), STATUS_INVALID);
	assert_int_equal(parse_bytes(within, sizeof within - 1), STATUS_INVALID);
}

static void test_an_escaped_nul_is_refused_in_values_and_in_keys(void **state)
{
	assert_int_equal(parse("{\"a\":\"b\\u0000c\"}"), STATUS_INVALID);
	assert_int_equal(parse("{\"a\\u0000\":1}"), STATUS_INVALID);
}

static void test_an_escaped_backslash_before_u0000_is_no_nul(void **state)
{
	assert_int_equal(parse("{\"a\":\"\\\\u0000\"}"), STATUS_OK);
	assert_string_equal(json_text(json, "a"), "\\u0000");
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
	static const char *const texts[] = {"\"\x80\"",
					    "\"\xC0\xAF\"",
					    "\"\xE0\x9F\xBF\"",
					    "\"\xED\xA0\x80\"",
					    "\"\xF0\x8F\xBF\xBF\"",
					    "\"\xF4\x90\x80\x80\"",
					    "\"\xFF\"",
					    "\"\xE2\x82\"",
					    "\"\xF0\x9F\x98\"",
					    "\"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\"",
					    "\xC3"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (parse(texts[i]) != STATUS_INVALID)
			fail_msg("case %zu", i);
}

static void test_utf8_and_escaped_characters_arrive_as_utf8(void **state)
{
	assert_int_equal(parse("{\"a\":\"€😀\\u00fc\\ud83d\\ude00\"}"), STATUS_OK);
	assert_string_equal(json_text(json, "a"), "€😀ü😀");
}

static enum status parse_nested(int depth, char open, char close)
{
	char text[200];

	memset(text, open, (size_t)depth);
	memset(text + depth, close, (size_t)depth);
	return parse_bytes(text, 2 * (size_t)depth);
}

static void test_nesting_up_to_the_limit_is_read_and_beyond_it_refused(void **state)
{
	assert_int_equal(parse_nested(JSON_DEPTH_MAX, '[', ']'), STATUS_OK);
	assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, '[', ']'), STATUS_INVALID);
}

static void test_brackets_side_by_side_do_not_nest(void **state)
{
	assert_int_equal(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"), STATUS_OK);
}

static void test_brackets_in_strings_do_not_nest(void **state)
{
	assert_int_equal(parse("\"[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[[[[[[[[[[[[[[[\""), STATUS_OK);
}

static void test_a_hundred_thousand_brackets_are_refused(void **state)
{
	size_t len = 100000;
	char *text = malloc(len);

	memset(text, '[', len);
	assert_int_equal(parse_bytes(text, len), STATUS_INVALID);
	free(text);
}

static void test_a_duplicate_key_is_refused_at_every_depth(void **state)
{
	assert_int_equal(parse("{\"a\":1,\"a\":1}"), STATUS_INVALID);
	assert_int_equal(parse("{\"a\":1,\"b\":2,\"a\":3}"), STATUS_INVALID);
	assert_int_equal(parse("[{\"x\":{\"a\":1,\"a\":2}}]"), STATUS_INVALID);
}

static void test_a_key_duplicated_through_an_escape_is_refused(void **state)
{
	assert_int_equal(parse("{\"a\":1,\"\\u0061\":2}"), STATUS_INVALID);
}

static void test_keys_that_differ_in_case_or_in_place_are_not_duplicates(void **state)
{
	assert_int_equal(parse("{\"a\":{\"a\":1},\"A\":[{\"a\":1},{\"a\":2}]}"), STATUS_OK);
}

static enum status parse_object_of(int keys)
{
	struct buf text = {0};
	enum status status;

	for (int i = 0; i < keys; i++)
		buf_printf(&text, "%s\"k%d\":%d", i ? "," : "{", i, i);
	buf_text(&text, "}");
	status = parse_bytes(text.bytes, text.len);
	buf_free(&text);
	return status;
}

static void test_an_object_of_64_keys_is_read_and_of_65_refused(void **state)
{
	assert_int_equal(parse_object_of(64), STATUS_OK);
	assert_int_equal(parse_object_of(65), STATUS_INVALID);
}

static void test_nothing_is_set_when_the_text_is_refused(void **state)
{
	cJSON *before = (cJSON *)(void *)&json, *ret = before;

	assert_int_equal(json_parse("{\"a\":1,\"a\":1}", 13, &ret), STATUS_INVALID);
	assert_ptr_equal(ret, before);
}

static void test_random_bytes_never_break_the_parser(void **state)
{
	static const char alphabet[] = "{}[]\",:\\u0ad81.e-+ tn\n\xC3\xA4\xFF";
	char text[64], copy[64];

	random_input_start();
	for (int round = 0; round < 20000; round++) {
		size_t len = random_input_bytes((uint8_t *)text, sizeof text);

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[(unsigned char)text[i] % (sizeof alphabet - 1)];
		memcpy(copy, text, len);
		(void)!parse_bytes(text, len);
		assert_memory_equal(copy, text, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_every_kind_of_value_is_read, drop),
		cmocka_unit_test_teardown(test_white_space_around_the_text_is_fine, drop),
		cmocka_unit_test_teardown(test_other_characters_around_the_text_are_refused, drop),
		cmocka_unit_test_teardown(test_empty_text_is_refused, drop),
		cmocka_unit_test_teardown(test_broken_texts_are_refused, drop),
		cmocka_unit_test_teardown(test_numbers_that_break_the_grammar_are_refused, drop),
		cmocka_unit_test_teardown(test_a_malformed_number_in_a_string_is_text, drop),
		cmocka_unit_test_teardown(test_a_number_beyond_the_range_of_a_double_is_refused, drop),
		cmocka_unit_test_teardown(test_a_number_of_63_characters_is_read_and_of_64_refused, drop),
		cmocka_unit_test_teardown(test_structure_that_breaks_the_grammar_is_refused, drop),
		cmocka_unit_test_teardown(test_every_control_character_is_refused_in_a_string, drop),
		cmocka_unit_test_teardown(test_every_character_after_a_backslash_is_refused_unless_it_is_an_escape, drop),
		cmocka_unit_test_teardown(test_an_escape_without_four_hexadecimal_digits_is_refused, drop),
		cmocka_unit_test_teardown(test_every_code_unit_is_read_except_nul_and_surrogates_alone, drop),
		cmocka_unit_test_teardown(test_surrogates_that_are_no_pair_are_refused, drop),
		cmocka_unit_test_teardown(test_the_least_and_the_greatest_pair_of_surrogates_are_read, drop),
		cmocka_unit_test_teardown(test_a_plain_nul_is_refused_wherever_it_is, drop),
		cmocka_unit_test_teardown(test_an_escaped_nul_is_refused_in_values_and_in_keys, drop),
		cmocka_unit_test_teardown(test_an_escaped_backslash_before_u0000_is_no_nul, drop),
		cmocka_unit_test_teardown(test_text_that_is_not_utf8_is_refused, drop),
		cmocka_unit_test_teardown(test_utf8_and_escaped_characters_arrive_as_utf8, drop),
		cmocka_unit_test_teardown(test_nesting_up_to_the_limit_is_read_and_beyond_it_refused, drop),
		cmocka_unit_test_teardown(test_brackets_side_by_side_do_not_nest, drop),
		cmocka_unit_test_teardown(test_brackets_in_strings_do_not_nest, drop),
		cmocka_unit_test_teardown(test_a_hundred_thousand_brackets_are_refused, drop),
		cmocka_unit_test_teardown(test_a_duplicate_key_is_refused_at_every_depth, drop),
		cmocka_unit_test_teardown(test_a_key_duplicated_through_an_escape_is_refused, drop),
		cmocka_unit_test_teardown(test_keys_that_differ_in_case_or_in_place_are_not_duplicates, drop),
		cmocka_unit_test_teardown(test_an_object_of_64_keys_is_read_and_of_65_refused, drop),
		cmocka_unit_test_teardown(test_nothing_is_set_when_the_text_is_refused, drop),
		cmocka_unit_test_teardown(test_random_bytes_never_break_the_parser, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

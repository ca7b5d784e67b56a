/* Which bytes are well-formed UTF-8: every row of table 3-7 of The Unicode Standard, and text that arrives in pieces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

/* A row: the range of each byte of a sequence. */
struct row {
	size_t len;
	struct {
		unsigned char low, high;
	} bytes[4];
};

static const struct row rows[] = {
	{1, {{0x00, 0x7F}}},
	{2, {{0xC2, 0xDF}, {0x80, 0xBF}}},
	{3, {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
	{3, {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}},
	{3, {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}},
	{3, {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
	{4, {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
	{4, {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
	{4, {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
};
#define ROWS (sizeof rows / sizeof *rows)

static bool fits(const struct row *row, size_t at, unsigned char byte)
{
	return byte >= row->bytes[at].low && byte <= row->bytes[at].high;
}

/* By the table: the length of a well-formed sequence that begins with these two bytes; 0: no sequence does. */
static size_t len_of(unsigned char first, unsigned char second)
{
	for (size_t i = 0; i < ROWS; i++)
		if (fits(&rows[i], 0, first) && (rows[i].len == 1 || fits(&rows[i], 1, second)))
			return rows[i].len;
	return 0;
}

static void test_every_first_and_second_byte_is_judged_as_the_table_has_it(void **state)
{
	for (int first = 1; first < 256; first++)
		for (int second = 1; second < 256; second++) {
			const char text[] = {(char)first, (char)second, '\x80', '\x80', '\0'};
			size_t len = len_of((unsigned char)first, (unsigned char)second);

			if (utf8_sequence_len(text) != len || (len && !utf8_is_valid(text, len)))
				fail_msg("%02x %02x", (unsigned)first, (unsigned)second);
		}
}

/* The least and the greatest sequence of the row, with one byte just outside of its range. */
static void assert_ends_of_range_are_exact(const struct row *row, size_t at)
{
	char least[4], greatest[4];

	for (size_t i = 0; i < row->len; i++) {
		least[i] = (char)row->bytes[i].low;
		greatest[i] = (char)row->bytes[i].high;
	}
	assert_true(utf8_is_valid(least, row->len));
	assert_true(utf8_is_valid(greatest, row->len));
	least[at]--;
	greatest[at]++;
	assert_false(utf8_is_valid(least, row->len));
	assert_false(utf8_is_valid(greatest, row->len));
}

static void test_the_range_of_each_later_byte_ends_where_the_table_says(void **state)
{
	for (size_t i = 0; i < ROWS; i++)
		for (size_t at = 1; at < rows[i].len; at++)
			assert_ends_of_range_are_exact(&rows[i], at);
}

static void test_a_nul_is_a_character_like_any_other(void **state)
{
	assert_true(utf8_is_valid("a\0b", 3));
	assert_false(utf8_is_valid("\xC3\0", 2));
}

static void test_no_bytes_are_well_formed(void **state)
{
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid(NULL, 0));
}

static const char sample[] = "a\xC2\x80z\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF.";
#define SAMPLE_BYTES (sizeof sample - 1)

static void test_text_split_at_any_two_bytes_is_well_formed(void **state)
{
	for (size_t first = 0; first <= SAMPLE_BYTES; first++)
		for (size_t second = first; second <= SAMPLE_BYTES; second++) {
			struct utf8 utf8 = {0};

			assert_true(utf8_read(&utf8, sample, first));
			assert_true(utf8_read(&utf8, sample + first, second - first));
			assert_true(utf8_read(&utf8, sample + second, SAMPLE_BYTES - second));
			assert_true(utf8_is_whole(&utf8));
		}
}

static void test_text_is_whole_exactly_between_sequences(void **state)
{
	struct utf8 utf8 = {0};

	for (size_t at = 0; at < SAMPLE_BYTES; at++) {
		bool is_between = ((unsigned char)sample[at] & 0xC0) != 0x80;

		assert_int_equal(utf8_is_whole(&utf8), is_between);
		assert_int_equal(utf8_is_valid(sample, at), is_between);
		assert_true(utf8_read(&utf8, sample + at, 1));
	}
	assert_true(utf8_is_whole(&utf8));
}

static void test_a_wrong_byte_is_noticed_when_it_arrives(void **state)
{
	static const struct {
		const char *before, *wrong;
	} cases[] = {{"\xE0", "\x9F"},      {"\xED", "\xA0"}, {"\xF4", "\x90"},
		     {"\xF0\x9F\x98", "a"}, {"ab", "\x80"},   {"ab", "\xC1"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct utf8 utf8 = {0};

		assert_true(utf8_read(&utf8, cases[i].before, strlen(cases[i].before)));
		assert_false(utf8_read(&utf8, cases[i].wrong, 1));
	}
}

static void test_a_sequence_that_the_closing_nul_cuts_short_has_no_length(void **state)
{
	static const char *const texts[] = {"\xC3", "\xE2\x82", "\xF0\x9F\x98"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *exact = strdup(texts[i]); /* so that AddressSanitizer sees a read beyond it */

		assert_int_equal(utf8_sequence_len(exact), 0);
		free(exact);
	}
}

/* Eight bytes, because a check that reads several at once may mistake them for a character. */
static void test_continuation_bytes_alone_are_malformed_in_a_json_string(void **state)
{
	static const char text[] = "\"\x80\x80\x80\x80\x80\x80\x80\x80\"";
	cJSON *json = NULL;

	assert_false(utf8_is_valid(text, sizeof text - 1));
	assert_int_equal(json_parse(text, sizeof text - 1, &json), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_first_and_second_byte_is_judged_as_the_table_has_it),
		cmocka_unit_test(test_the_range_of_each_later_byte_ends_where_the_table_says),
		cmocka_unit_test(test_a_nul_is_a_character_like_any_other),
		cmocka_unit_test(test_no_bytes_are_well_formed),
		cmocka_unit_test(test_text_split_at_any_two_bytes_is_well_formed),
		cmocka_unit_test(test_text_is_whole_exactly_between_sequences),
		cmocka_unit_test(test_a_wrong_byte_is_noticed_when_it_arrives),
		cmocka_unit_test(test_a_sequence_that_the_closing_nul_cuts_short_has_no_length),
		cmocka_unit_test(test_continuation_bytes_alone_are_malformed_in_a_json_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

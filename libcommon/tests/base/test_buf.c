/* The growing buffer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"

static struct buf buf;

static int drop(void **state)
{
	buf_free(&buf);
	return 0;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

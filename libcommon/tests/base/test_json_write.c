/* JSON that is written without a tree: commas, escaping, and that what is written can be read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"

static struct buf out;

static int drop(void **state)
{
	buf_free(&out);
	return 0;
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

/* The byte before a value decides about the comma, and a text may end with any byte: its quote comes after it. */
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

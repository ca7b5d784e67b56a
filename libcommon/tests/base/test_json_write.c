/* The JSON writer puts each comma where it belongs, and nowhere else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json_write.h"

static void assert_text(struct buf *out, const char *expected)
{
	assert_string_equal(out->bytes, expected);
	buf_free(out);
}

static void test_members_are_separated_by_commas(void **state)
{
	struct buf out = {0};

	json_write_object(&out);
	json_write_member_int(&out, "id", INT64_MIN);
	json_write_member_text(&out, "name", "a\"b");
	json_write_member_bool(&out, "active", true);
	json_write_member_null(&out, "digits");
	json_write_member_text(&out, "preview", NULL);
	json_write_object_end(&out);
	assert_text(&out, "{\"id\":-9223372036854775808,\"name\":\"a\\\"b\",\"active\":true,\"digits\":null,\"preview\":null}");
}

static void test_elements_are_separated_by_commas(void **state)
{
	struct buf out = {0};

	json_write_array(&out);
	json_write_text(&out, "a");
	json_write_int(&out, 7);
	json_write_bool(&out, false);
	json_write_null(&out);
	json_write_raw(&out, "1.5", 3);
	json_write_array_end(&out);
	assert_text(&out, "[\"a\",7,false,null,1.5]");
}

static void test_empty_containers_have_no_comma(void **state)
{
	struct buf out = {0};

	json_write_array(&out);
	json_write_object(&out);
	json_write_object_end(&out);
	json_write_array(&out);
	json_write_array_end(&out);
	json_write_array_end(&out);
	assert_text(&out, "[{},[]]");
}

static void test_a_member_follows_a_container_that_was_closed(void **state)
{
	struct buf out = {0};

	json_write_object(&out);
	json_write_key(&out, "kinds");
	json_write_array(&out);
	json_write_text(&out, "lucas");
	json_write_array_end(&out);
	json_write_member_int(&out, "count", 1);
	json_write_object_end(&out);
	assert_text(&out, "{\"kinds\":[\"lucas\"],\"count\":1}");
}

/* The writer looks at the byte before it: here that byte is inside a string, and ends it only with the quote. */
static void test_a_text_that_ends_with_a_separator_is_followed_by_a_comma(void **state)
{
	struct buf out = {0};

	json_write_array(&out);
	json_write_text(&out, "a,");
	json_write_text(&out, "b[");
	json_write_text(&out, "");
	json_write_array_end(&out);
	assert_text(&out, "[\"a,\",\"b[\",\"\"]");
}

static void test_plain_text_is_copied_up_to_its_length(void **state)
{
	struct buf out = {0};

	json_write_object(&out);
	json_write_member_plain(&out, "preview", "12345", 2);
	json_write_member_plain(&out, "result", "", 0);
	json_write_object_end(&out);
	assert_text(&out, "{\"preview\":\"12\",\"result\":\"\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_are_separated_by_commas),
		cmocka_unit_test(test_elements_are_separated_by_commas),
		cmocka_unit_test(test_empty_containers_have_no_comma),
		cmocka_unit_test(test_a_member_follows_a_container_that_was_closed),
		cmocka_unit_test(test_a_text_that_ends_with_a_separator_is_followed_by_a_comma),
		cmocka_unit_test(test_plain_text_is_copied_up_to_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

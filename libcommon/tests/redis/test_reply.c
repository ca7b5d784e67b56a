/* Replies of every type: what is not what a caller expects is nothing, and is never read as something else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "redis/redis.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define ARRAY(...)                                                                                   \
	{                                                                                            \
		.type = REDIS_REPLY_ARRAY, .elements = COUNT(((const redisReply *[]){__VA_ARGS__})), \
		.element = (redisReply *[])                                                          \
		{                                                                                    \
			__VA_ARGS__                                                                  \
		}                                                                                    \
	}

static redisReply nil = {.type = REDIS_REPLY_NIL}, number = {.type = REDIS_REPLY_INTEGER, .integer = 7},
		  text = {.type = REDIS_REPLY_STRING, .str = "1-0", .len = 3}, none = {.type = REDIS_REPLY_ARRAY};

static void test_only_a_string_reply_has_a_text(void **state)
{
	redisReply error = {.type = REDIS_REPLY_ERROR, .str = "ERR"};

	assert_string_equal(redis_text(&text), "1-0");
	assert_string_equal(redis_text(&nil), "");
	assert_string_equal(redis_text(&number), "");
	assert_string_equal(redis_text(&none), "");
	assert_string_equal(redis_text(&error), "");
}

static void test_an_entry_is_an_id_and_an_array_of_fields(void **state)
{
	redisReply entry = ARRAY(&text, &none), no_id = ARRAY(&nil, &none), no_fields = ARRAY(&text, &nil), one = ARRAY(&text);

	assert_true(redis_is_entry(&entry));
	assert_false(redis_is_entry(&no_id));
	assert_false(redis_is_entry(&no_fields));
	assert_false(redis_is_entry(&one));
	assert_false(redis_is_entry(&nil));
	assert_false(redis_is_entry(&text));
}

static redisReply text_of(char *bytes, size_t len)
{
	return (redisReply){.type = REDIS_REPLY_STRING, .str = bytes, .len = len};
}

static void test_an_entry_has_an_id_that_is_kept_whole(void **state)
{
	char longest[] = "18446744073709551615-18446744073709551615-1",
	     longer[] = "18446744073709551615-18446744073709551615-12";
	redisReply whole = text_of(longest, strlen(longest)), cut = text_of(longer, strlen(longer)),
		   with_nul = text_of("1-\0001", 4);
	redisReply of_whole = ARRAY(&whole, &none), of_cut = ARRAY(&cut, &none), of_nul = ARRAY(&with_nul, &none);

	assert_int_equal(sizeof longest, REDIS_ENTRY_ID_BYTES);
	assert_true(redis_is_entry(&of_whole));
	assert_false(redis_is_entry(&of_cut));
	assert_false(redis_is_entry(&of_nul));
}

static void test_the_entries_of_a_read_are_found_and_a_read_without_any_has_none(void **state)
{
	redisReply stream = ARRAY(&text, &none), read = ARRAY(&stream), two = ARRAY(&stream, &stream);
	redisReply deleted = ARRAY(&text, &nil), read_deleted = ARRAY(&deleted), read_nil = ARRAY(&nil), flat = ARRAY(&text);

	assert_ptr_equal(redis_stream_entries(&read), &none);
	assert_null(redis_stream_entries(&nil));
	assert_null(redis_stream_entries(&number));
	assert_null(redis_stream_entries(&two));
	assert_null(redis_stream_entries(&read_deleted));
	assert_null(redis_stream_entries(&read_nil));
	assert_null(redis_stream_entries(&flat));
	assert_null(redis_stream_entries(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_string_reply_has_a_text),
		cmocka_unit_test(test_an_entry_is_an_id_and_an_array_of_fields),
		cmocka_unit_test(test_an_entry_has_an_id_that_is_kept_whole),
		cmocka_unit_test(test_the_entries_of_a_read_are_found_and_a_read_without_any_has_none),
	};

	return cmocka_run_group_tests_name("test_reply", tests, NULL, NULL);
}

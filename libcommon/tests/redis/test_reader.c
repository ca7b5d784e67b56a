/* Replies as they arrive: every type, cut anywhere, and what is beyond all bounds or no reply at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis/redis_internal.h"

static struct redis_reader reader;

static int set_up(void **state)
{
	reader = (struct redis_reader){0};
	return 0;
}

static int tear_down(void **state)
{
	redis_reader_free(&reader);
	return 0;
}

static redisReply *next(void)
{
	redisReply *reply;

	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_OK);
	return reply;
}

static redisReply *read_reply(const char *text)
{
	redisReply *reply;

	redis_reader_feed(&reader, text, strlen(text));
	reply = next();
	assert_non_null(reply);
	return reply;
}

static void assert_text(const redisReply *reply, int type, const char *text)
{
	assert_int_equal(reply->type, type);
	assert_int_equal(reply->len, strlen(text));
	assert_string_equal(reply->str, text);
}

static void test_every_type_is_read(void **state)
{
	redisReply *reply;

	assert_text(reply = read_reply("+OK\r\n"), REDIS_REPLY_STATUS, "OK");
	freeReplyObject(reply);
	assert_text(reply = read_reply("-ERR no\r\n"), REDIS_REPLY_ERROR, "ERR no");
	freeReplyObject(reply);
	assert_text(reply = read_reply("$5\r\na\r\nbc\r\n"), REDIS_REPLY_STRING, "a\r\nbc");
	freeReplyObject(reply);
	assert_text(reply = read_reply("$0\r\n\r\n"), REDIS_REPLY_STRING, "");
	freeReplyObject(reply);
	reply = read_reply(":-42\r\n");
	assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
	assert_int_equal(reply->integer, -42);
	freeReplyObject(reply);
	reply = read_reply("$-1\r\n");
	assert_int_equal(reply->type, REDIS_REPLY_NIL);
	freeReplyObject(reply);
	reply = read_reply("*-1\r\n");
	assert_int_equal(reply->type, REDIS_REPLY_NIL);
	freeReplyObject(reply);
	reply = read_reply("*0\r\n");
	assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
	assert_int_equal(reply->elements, 0);
	freeReplyObject(reply);
}

static void assert_nested(redisReply *reply)
{
	assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
	assert_int_equal(reply->elements, 3);
	assert_int_equal(reply->element[0]->elements, 2);
	assert_text(reply->element[0]->element[0], REDIS_REPLY_STRING, "a");
	assert_int_equal(reply->element[0]->element[1]->elements, 0);
	assert_int_equal(reply->element[1]->type, REDIS_REPLY_NIL);
	assert_int_equal(reply->element[2]->integer, 7);
	freeReplyObject(reply);
}

static void test_a_reply_that_is_cut_anywhere_is_the_same(void **state)
{
	static const char text[] = "*3\r\n*2\r\n$1\r\na\r\n*0\r\n$-1\r\n:7\r\n";

	for (size_t i = 1; i < strlen(text); i++) {
		redis_reader_feed(&reader, text, i);
		assert_null(next());
		redis_reader_feed(&reader, text + i, strlen(text) - i);
		assert_nested(next());
		assert_null(next());
	}
}

static void test_replies_that_arrive_at_once_come_in_their_order(void **state)
{
	static const char text[] = "+first\r\n*1\r\n:2\r\n+third\r\n$5\r\nfou";
	redisReply *reply;

	assert_text(reply = read_reply(text), REDIS_REPLY_STATUS, "first");
	freeReplyObject(reply);
	reply = next();
	assert_int_equal(reply->element[0]->integer, 2);
	freeReplyObject(reply);
	assert_text(reply = next(), REDIS_REPLY_STATUS, "third");
	freeReplyObject(reply);
	assert_null(next());
	assert_text(reply = read_reply("rt\r\n"), REDIS_REPLY_STRING, "fourt");
	freeReplyObject(reply);
}

static void test_bytes_that_are_no_reply_are_invalid(void **state)
{
	static const char *const texts[] = {
		"\r\n",
		"x\r\n",
		"+\n",
		"+OK\n",
		":\r\n",
		":1a\r\n",
		": 1\r\n",
		":9223372036854775808\r\n",
		"$-2\r\n",
		"$1a\r\n",
		"$\r\n",
		"$3\r\nabcde",
		"*-2\r\n",
		"*1\r\nx\r\n",
		"*2\r\n:1\r\n?\r\n",
		"HTTP/1.1 200 OK\r\n",
		"_\r\n",
		"#t\r\n",
		"%1\r\n",
		"$1\r\nab\r\n",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		redisReply *reply;

		redis_reader_feed(&reader, texts[i], strlen(texts[i]));
		if (redis_reader_next(&reader, &reply) != STATUS_INVALID)
			fail_msg("read: %s", texts[i]);
		assert_null(reply);
		redis_reader_free(&reader);
	}
}

static void test_a_nul_is_neither_a_digit_nor_a_type(void **state)
{
	redisReply *reply;

	redis_reader_feed(&reader, ":1\0\r\n", 5);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
	redis_reader_free(&reader);
	redis_reader_feed(&reader, "\0001\r\na\r\n", 7);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
}

static void test_arrays_nest_eight_deep_and_no_deeper(void **state)
{
	redisReply *reply;

	freeReplyObject(read_reply("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"));
	redis_reader_feed(&reader, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", 36);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
}

static void test_an_array_takes_memory_for_what_has_arrived(void **state)
{
	redisReply *reply;

	redis_reader_feed(&reader, "*131072\r\n:1\r\n", 13);
	assert_null(next());
	assert_int_equal(reader.root->elements, 1);
	redis_reader_free(&reader);
	redis_reader_feed(&reader, "*131073\r\n", 9);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
}

/* Arrays within arrays count together: a small reply must not announce itself into gigabytes. */
static void test_all_elements_of_a_reply_count_together(void **state)
{
	redisReply *reply;
	enum status status;
	int arrays = 0;

	redis_reader_feed(&reader, "*1000\r\n", 7);
	do {
		redis_reader_feed(&reader, "*200\r\n", 6);
		for (int i = 0; i < 200; i++)
			redis_reader_feed(&reader, ":1\r\n", 4);
		status = redis_reader_next(&reader, &reply);
		assert_null(reply);
	} while (status == STATUS_OK && ++arrays < 1000);
	assert_int_equal(status, STATUS_INVALID);
	assert_in_range(arrays, 600, 660);
}

static void test_a_text_longer_than_any_result_is_invalid_before_it_arrives(void **state)
{
	redisReply *reply;

	redis_reader_feed(&reader, "$67108865\r\n", 11);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
}

static void test_a_line_without_end_is_not_waited_for(void **state)
{
	enum { BYTES = 70 * 1024 };
	char *line = mem_alloc(BYTES);
	redisReply *reply;

	memset(line, '+', BYTES);
	redis_reader_feed(&reader, line, BYTES);
	free(line);
	assert_int_equal(redis_reader_next(&reader, &reply), STATUS_INVALID);
}

static void test_a_long_text_in_small_pieces_is_read_and_its_memory_goes_back(void **state)
{
	enum { PIECES = 100, BYTES = 16 * 1024 };
	char head[32], *piece = mem_alloc(BYTES);
	redisReply *reply;

	memset(piece, '7', BYTES);
	redis_reader_feed(&reader, head, (size_t)snprintf(head, sizeof head, "$%d\r\n", PIECES * BYTES));
	for (int i = 0; i < PIECES; i++) {
		redis_reader_feed(&reader, piece, BYTES);
		assert_null(next());
	}
	free(piece);
	reply = read_reply("\r\n");
	assert_int_equal(reply->len, PIECES * BYTES);
	freeReplyObject(reply);
	freeReplyObject(read_reply("+OK\r\n"));
	redis_reader_feed(&reader, "", 0);
	assert_true(reader.in.capacity <= 64 * 1024);
}

#define READER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READER_TEST(test_every_type_is_read),
		READER_TEST(test_a_reply_that_is_cut_anywhere_is_the_same),
		READER_TEST(test_replies_that_arrive_at_once_come_in_their_order),
		READER_TEST(test_bytes_that_are_no_reply_are_invalid),
		READER_TEST(test_a_nul_is_neither_a_digit_nor_a_type),
		READER_TEST(test_arrays_nest_eight_deep_and_no_deeper),
		READER_TEST(test_an_array_takes_memory_for_what_has_arrived),
		READER_TEST(test_all_elements_of_a_reply_count_together),
		READER_TEST(test_a_text_longer_than_any_result_is_invalid_before_it_arrives),
		READER_TEST(test_a_line_without_end_is_not_waited_for),
		READER_TEST(test_a_long_text_in_small_pieces_is_read_and_its_memory_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

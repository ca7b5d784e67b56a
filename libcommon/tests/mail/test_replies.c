/* A Redis that answers the mail protocol with replies of another type: each is INTERNAL, and never taken for messages or
 * reports. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/mail.h"
#include "tests/redis/stand_in_client.h"

static bool is_there;
static enum status outcome;

static int set_up(void **state)
{
	static const struct redis_script *const scripts[] = {&mail_take_script, &mail_read_reports_script, NULL};

	stand_in_connect(scripts);
	return 0;
}

static void taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg)
{
	assert_int_equal(n, 0);
	is_there = true;
	outcome = status;
}

static void reports_read(enum status status, const struct mail_entries *entries, void *arg)
{
	is_there = true;
	outcome = status;
}

static void expect_internal(const char *reply)
{
	stand_in.reply = reply;
	is_there = false;
	mail_take(redis, &scope, MAIL_BATCH_MAX, taken, NULL);
	WAIT_FOR(is_there);
	assert_int_equal(outcome, STATUS_INTERNAL);
	is_there = false;
	mail_read_reports(redis, &scope, reports_read, NULL);
	WAIT_FOR(is_there);
	assert_int_equal(outcome, STATUS_INTERNAL);
}

static void test_what_is_no_time_and_list_is_internal(void **state)
{
	static const char *const replies[] = {":1\r\n",
					      "+OK\r\n",
					      "$-1\r\n",
					      "*-1\r\n",
					      "$2\r\nab\r\n",
					      "*0\r\n",
					      "*1\r\n:1\r\n",
					      "*3\r\n:1\r\n*0\r\n*0\r\n",
					      "*2\r\n:1\r\n:1\r\n",
					      "*2\r\n$1\r\n1\r\n*0\r\n",
					      "*2\r\n:-1\r\n*0\r\n",
					      "*2\r\n:9223372036854775807\r\n*0\r\n"};

	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
		expect_internal(replies[i]);
}

static void test_a_list_of_what_are_no_entries_is_internal(void **state)
{
	static const char *const lists[] = {"*1\r\n:1\r\n", "*1\r\n*0\r\n", "*1\r\n*2\r\n:1\r\n*0\r\n",
					    "*1\r\n*2\r\n$3\r\n1-1\r\n$1\r\na\r\n",
					    "*1\r\n*2\r\n$44\r\n18446744073709551615-18446744073709551615-12\r\n*0\r\n"};
	char reply[100];

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		snprintf(reply, sizeof reply, "*2\r\n:1\r\n%s", lists[i]);
		expect_internal(reply);
	}
}

static void test_more_entries_than_were_asked_for_are_internal(void **state)
{
	char reply[(MAIL_BATCH_MAX + 2) * 30] = "";
	int len = snprintf(reply, sizeof reply, "*2\r\n:1\r\n*%d\r\n", MAIL_BATCH_MAX + 1);

	for (int i = 0; i <= MAIL_BATCH_MAX; i++)
		len += snprintf(reply + len, sizeof reply - (size_t)len, "*2\r\n$3\r\n1-1\r\n*0\r\n");
	expect_internal(reply);
}

#define REPLY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, stand_in_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLY_TEST(test_what_is_no_time_and_list_is_internal),
		REPLY_TEST(test_a_list_of_what_are_no_entries_is_internal),
		REPLY_TEST(test_more_entries_than_were_asked_for_are_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

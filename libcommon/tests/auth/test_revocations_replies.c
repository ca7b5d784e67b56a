/* Revocations that are read from a Redis which answers with replies of another type: nothing is trusted, and nothing spins. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/revocations.h"
#include "base/loop.h"

static struct event_base *base;

#include "tests/redis/stand_in.h"

#define WATCHED_MS 300

static struct revocations *revocations;

static int set_up(void **state)
{
	base = loop_new();
	stand_in_open();
	return 0;
}

static int tear_down(void **state)
{
	revocations_free(revocations);
	event_base_loop(base, EVLOOP_NONBLOCK);
	stand_in_close();
	event_base_free(base);
	return 0;
}

static void note(void *is_over)
{
	*(bool *)is_over = true;
}

/* Follows a stream in the stand-in until the first answer, and then for a while. */
static void follow(const char *reply)
{
	struct redis_config config = stand_in_config();
	bool is_over = false;
	struct loop_timer *timer = loop_timer_new(base, note, &is_over);

	stand_in.reply = reply;
	revocations = revocations_new(base, &config, &(struct revocations_config){.lease_s = 300, .lifetime_s = 60});
	WAIT_FOR(stand_in.answered > 0);
	loop_timer_start(timer, WATCHED_MS);
	WAIT_FOR(is_over);
	loop_timer_free(timer);
}

/* The same number says that the stream is complete. */
static void test_a_number_is_no_empty_stream(void **state)
{
	follow(":1\r\n");
	assert_false(revocations_is_ready(revocations));
}

static void test_entries_of_another_type_are_no_empty_stream(void **state)
{
	follow("*1\r\n*2\r\n$11\r\nrevocations\r\n*1\r\n:1\r\n");
	assert_false(revocations_is_ready(revocations));
}

static void expect_pause_after(const char *reply)
{
	follow(reply);
	if (stand_in.answered > 10)
		fail_msg("%d commands within %d ms", stand_in.answered, WATCHED_MS);
}

static void test_after_a_number_reading_pauses(void **state)
{
	expect_pause_after(":0\r\n");
}

static void test_after_a_text_reading_pauses(void **state)
{
	expect_pause_after("+OK\r\n");
}

static void test_after_entries_of_another_type_reading_pauses(void **state)
{
	expect_pause_after("*1\r\n*2\r\n$11\r\nrevocations\r\n*1\r\n:1\r\n");
}

static void test_after_an_entry_that_can_not_be_read_reading_pauses(void **state)
{
	expect_pause_after("*1\r\n*2\r\n$11\r\nrevocations\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nlater\r\n$1\r\n1\r\n");
}

/* ---- publishing ---- */

static void note_status(enum status status, const redisReply *reply, void *arg)
{
	*(enum status *)arg = status;
}

static enum status status_of_publishing(const char *reply)
{
	const struct revocation revocation = {.is_user = true, .user_id = 1, .until_ms = 1, .expires_s = 1};
	struct redis_config config = stand_in_config();
	struct redis *redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	enum status status = STATUS_BUSY;
	struct scope scope;

	scope_init(&scope);
	stand_in.reply = reply;
	WAIT_FOR(redis_is_ready(redis));
	revocations_publish(redis, &scope, &revocation, 1, 60, note_status, &status);
	WAIT_FOR(status != STATUS_BUSY);
	redis_free(redis);
	return status;
}

static const struct {
	const char *reply;
	enum status status;
} publications[] = {
	{"*2\r\n$3\r\n1-1\r\n*0\r\n", STATUS_OK},
	{":7\r\n", STATUS_INTERNAL},
	{"$-1\r\n", STATUS_INTERNAL},
	{"+OK\r\n", STATUS_INTERNAL},
	{"*0\r\n", STATUS_INTERNAL},
	{"*1\r\n$3\r\n1-1\r\n", STATUS_INTERNAL},
	{"*2\r\n:1\r\n*0\r\n", STATUS_INTERNAL},
	{"*2\r\n$3\r\n1-1\r\n:0\r\n", STATUS_INTERNAL},
	{"*2\r\n$0\r\n\r\n*0\r\n", STATUS_INTERNAL}, /* an entry has an id */
};

static int open_stand_in(void **state)
{
	revocations = NULL;
	return set_up(state);
}

static void test_only_the_script_s_own_reply_is_a_publication(void **state)
{
	for (size_t i = 0; i < sizeof publications / sizeof *publications; i++) {
		if (i > 0) {
			stand_in_close();
			stand_in_open();
		}
		assert_int_equal(status_of_publishing(publications[i].reply), publications[i].status);
	}
}

#define REPLY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLY_TEST(test_a_number_is_no_empty_stream),
		REPLY_TEST(test_entries_of_another_type_are_no_empty_stream),
		REPLY_TEST(test_after_a_number_reading_pauses),
		REPLY_TEST(test_after_a_text_reading_pauses),
		REPLY_TEST(test_after_entries_of_another_type_reading_pauses),
		REPLY_TEST(test_after_an_entry_that_can_not_be_read_reading_pauses),
		cmocka_unit_test_setup_teardown(test_only_the_script_s_own_reply_is_a_publication, open_stand_in, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

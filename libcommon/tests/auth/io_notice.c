/* Notices on a real Redis: what users publishes each subscriber reads, once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/notice.h"
#include "tests/capture.h"
#include "tests/redis/redis_fixture.h"

/* Channels know no databases, and users of other tests may have notices at the same time. */
#define USER_ID 9007199254740991

static const struct notice sent = {.user_id = USER_ID, .kind = "new_device", .at_ms = 1700000000123};
static struct notice received;
static int received_n;

static void heard(const char *bytes, size_t len, void *arg)
{
	struct notice notice;

	if (notice_read(bytes, len, &notice) != STATUS_OK || notice.user_id != USER_ID)
		return;
	received = notice;
	received_n++;
}

static void test_a_notice_is_read_as_it_was_published(void **state)
{
	struct redis_config config = fixture_config();
	struct redis *subscriber = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);

	received_n = 0;
	redis_subscribe(subscriber, NOTICE_CHANNEL, heard, NULL);
	fixture_ready(&config, NULL);
	WAIT_FOR(redis_is_ready(subscriber));
	notice_publish(redis, &scope, &sent);
	WAIT_FOR(received_n == 1);
	assert_string_equal(received.kind, sent.kind);
	assert_int_equal(received.at_ms, sent.at_ms);
	redis_free(subscriber);
}

static void test_a_notice_that_redis_does_not_get_is_in_the_log(void **state)
{
	static struct capture capture;
	struct redis_config config = fixture_config();

	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL); /* it has not connected yet */
	capture_start(&capture, STDOUT_FILENO);
	notice_publish(redis, &scope, &sent);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_non_null(strstr(capture_end(&capture), "a notice did not reach the open pages"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_a_notice_is_read_as_it_was_published),
		REDIS_TEST(test_a_notice_that_redis_does_not_get_is_in_the_log),
	};

	return fixture_run("auth/io_notice", tests, sizeof tests / sizeof *tests);
}

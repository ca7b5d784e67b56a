/* Following the revocations of a Redis that answers at once what it should not: the follower pauses instead of asking again and
 * again. With a real Redis: io_revocations.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/revocations.h"
#include "base/log.h"
#include "base/loop.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

#define WATCHED_MS 500
#define READS_MAX 3

static struct revocations *revocations;
static const char *catching_up_answer, *following_answer, *joining_answer, *renewing_answer;
static int reads;

static const char *answer(const redisReply *command)
{
	if (!fake_redis_is(command, "XREAD"))
		return strcmp(command->element[7]->str, "join") == 0 ? joining_answer : renewing_answer;
	reads++;
	return command->elements == 6 ? catching_up_answer : following_answer;
}

static int set_up(void **state)
{
	struct redis_config config;

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	fake_redis_open(answer);
	config = fake_redis_config();
	reads = 0;
	joining_answer = renewing_answer = "*2\r\n:1\r\n:60000\r\n";
	revocations = revocations_new(base, &config, &(struct revocations_config){.lease_s = 60, .lifetime_s = 60});
	return 0;
}

static int tear_down(void **state)
{
	revocations_free(revocations);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	return 0;
}

static void note(void *is_over)
{
	*(bool *)is_over = true;
}

static int reads_of_a_while(const char *catching_up, const char *following)
{
	bool is_over = false;
	struct loop_timer *timer = loop_timer_new(base, note, &is_over);

	catching_up_answer = catching_up;
	following_answer = following;
	WAIT_FOR(reads > 0);
	loop_timer_start(timer, WATCHED_MS);
	WAIT_FOR(is_over);
	loop_timer_free(timer);
	return reads;
}

static void test_a_read_that_should_wait_and_does_not_is_followed_by_a_pause(void **state)
{
	assert_in_range(reads_of_a_while("*-1\r\n", "*-1\r\n"), 2, READS_MAX);
}

static void test_a_reply_of_another_shape_is_followed_by_a_pause(void **state)
{
	assert_in_range(reads_of_a_while("*-1\r\n", ":7\r\n"), 2, READS_MAX);
}

static void test_entries_of_another_shape_are_followed_by_a_pause_and_prove_nothing(void **state)
{
	assert_in_range(reads_of_a_while("*1\r\n*2\r\n$11\r\nrevocations\r\n*1\r\n:7\r\n", "*-1\r\n"), 1, READS_MAX);
	assert_false(revocations_is_ready(revocations));
}

/* Redis was emptied between the two, so what the follower has read is not known to be all. */
static void test_a_renewal_that_is_refused_after_joining_proves_nothing_and_is_followed_by_a_pause(void **state)
{
	renewing_answer = "*2\r\n:0\r\n:0\r\n";
	assert_in_range(reads_of_a_while("*-1\r\n", NULL), 2, READS_MAX);
	assert_false(revocations_is_ready(revocations));
}

static void test_a_lease_longer_than_was_asked_for_is_followed_by_a_pause_and_proves_nothing(void **state)
{
	joining_answer = "*2\r\n:1\r\n:60001\r\n";
	assert_in_range(reads_of_a_while("*-1\r\n", NULL), 1, READS_MAX);
	assert_false(revocations_is_ready(revocations));
}

static void test_the_same_entry_again_is_followed_by_a_pause(void **state)
{
	const char *entry = "*1\r\n*2\r\n$11\r\nrevocations\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nhello\r\n$1\r\n1\r\n";

	assert_in_range(reads_of_a_while(entry, entry), 1, READS_MAX);
}

#define REVOCATIONS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVOCATIONS_TEST(test_a_read_that_should_wait_and_does_not_is_followed_by_a_pause),
		REVOCATIONS_TEST(test_a_reply_of_another_shape_is_followed_by_a_pause),
		REVOCATIONS_TEST(test_entries_of_another_shape_are_followed_by_a_pause_and_prove_nothing),
		REVOCATIONS_TEST(test_a_renewal_that_is_refused_after_joining_proves_nothing_and_is_followed_by_a_pause),
		REVOCATIONS_TEST(test_a_lease_longer_than_was_asked_for_is_followed_by_a_pause_and_proves_nothing),
		REVOCATIONS_TEST(test_the_same_entry_again_is_followed_by_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

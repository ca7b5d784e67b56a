/* Commands on a real Redis: which call gets which answer, and what a failing, slow or abandoned one does to the others.
 * Connections that are lost, and scripts: io_redis_lost.c, io_redis_scripts.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>

#include "tests/redis/redis_fixture.h"

#define MANY 1000

static struct answer many[MANY];

static void open_ready(void)
{
	struct redis_config config = fixture_config();

	fixture_ready(&config, NULL);
}

static void test_a_thousand_commands_at_once_are_answered_in_the_order_of_sending(void **state)
{
	open_ready();
	for (int i = 0; i < MANY; i++)
		ASK(&many[i], "INCR", "number");
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(many[i].status, STATUS_OK);
		assert_int_equal(many[i].integer, i + 1);
		assert_int_equal(many[i].place, i + 1);
	}
}

static void test_the_urls_database_is_the_one_that_is_used(void **state)
{
	struct answer answer;
	char *beside_reads;

	open_ready();
	assert_int_equal(GET(&answer, "SET", "key", "value"), STATUS_OK);
	beside_reads = BESIDE_TEXT("GET", "key");
	assert_non_null(beside_reads);
	assert_string_equal(beside_reads, "value");
	free(beside_reads);
}

static void test_an_error_reply_is_internal_and_comes_with_redis_own_text(void **state)
{
	struct answer answer;

	open_ready();
	BESIDE("SET", "key", "text");
	assert_int_equal(GET(&answer, "LPUSH", "key", "1"), STATUS_INTERNAL);
	assert_int_equal(answer.type, REDIS_REPLY_ERROR);
	assert_memory_equal(answer.text, "WRONGTYPE", 9);
}

static void test_failing_commands_affect_no_other_call(void **state)
{
	open_ready();
	BESIDE("SET", "key", "text");
	for (int i = 0; i < MANY; i++)
		i % 3 ? ASK(&many[i], "INCR", "number") : ASK(&many[i], "INCR", "key");
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(many[i].status, i % 3 ? STATUS_OK : STATUS_INTERNAL);
	assert_int_equal(many[MANY - 2].integer, 666);
}

static void test_no_value_is_ok_and_nil(void **state)
{
	struct answer answer;

	open_ready();
	assert_int_equal(GET(&answer, "GET", "nothing"), STATUS_OK);
	assert_true(answer.has_reply);
	assert_int_equal(answer.type, REDIS_REPLY_NIL);
}

static void test_bytes_come_back_as_they_went(void **state)
{
	static const char value[] = "\0\r\n$-1\r\n\xff\0";
	const size_t lens[] = {3, 3, sizeof value};
	struct answer set = {0}, got;

	open_ready();
	redis_command(redis, &scope, 3, (const char *[]){"SET", "key", value}, lens, fixture_answered, &set);
	assert_int_equal(GET(&got, "GET", "key"), STATUS_OK);
	assert_int_equal(set.status, STATUS_OK);
	assert_int_equal(got.len, sizeof value);
	assert_memory_equal(got.text, value, sizeof value);
}

static void test_arguments_are_copied_before_the_call_returns(void **state)
{
	char key[] = "key", value[] = "before";
	struct answer set, got;

	open_ready();
	ASK(&set, "SET", key, value);
	memset(key, 'x', 3);
	memset(value, 'x', 6);
	assert_int_equal(GET(&got, "GET", "key"), STATUS_OK);
	assert_string_equal(got.text, "before");
}

/* More than both sockets hold, in both directions: a client that only wrote, or only read, would block for ever. */
static void test_more_than_the_sockets_hold_goes_both_ways_at_once(void **state)
{
	enum { CALLS = 100, LEN = 300000 };
	char *text = mem_alloc(LEN + 1);

	memset(text, 'x', LEN);
	open_ready();
	for (int i = 0; i < CALLS; i++)
		ASK(&many[i], "ECHO", text);
	free(text);
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(many[i].len, LEN);
}

static int left_in_chain;

static void ask_the_next(enum status status, const redisReply *reply, void *arg)
{
	assert_int_equal(status, STATUS_OK);
	if (--left_in_chain > 0)
		redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_the_next, NULL);
}

static void test_a_callback_may_make_the_next_call(void **state)
{
	open_ready();
	left_in_chain = MANY;
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_the_next, NULL);
	WAIT_FOR(left_in_chain == 0);
}

/* ---- limits ---- */

static void test_beyond_the_limit_in_flight_a_call_is_busy(void **state)
{
	struct redis_config config = fixture_config();
	struct answer first, second, third;

	config.in_flight_max = 2;
	fixture_ready(&config, NULL);
	ASK(&first, "PING");
	ASK(&second, "PING");
	ASK(&third, "PING");
	WAIT_FOR(answers == 3);
	assert_int_equal(first.status, STATUS_OK);
	assert_int_equal(second.status, STATUS_OK);
	assert_int_equal(third.status, STATUS_BUSY);
	assert_false(third.has_reply);
}

static void test_when_everything_in_flight_is_answered_the_next_call_is_not_busy(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer;

	config.in_flight_max = 1;
	fixture_ready(&config, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(GET(&answer, "PING"), STATUS_OK);
}

static int refusals;

static void ask_again(enum status status, const redisReply *reply, void *arg)
{
	assert_int_equal(status, STATUS_BUSY);
	refusals++;
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_again, NULL);
}

static void test_a_caller_that_tries_again_at_once_does_not_stop_the_loop(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer;

	refusals = 0;
	config.in_flight_max = 1;
	fixture_ready(&config, NULL);
	ASK(&answer, "BLPOP", "nothing", "0.05");
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_again, NULL);
	alarm(20); /* else this would stand here for ever */
	WAIT_FOR(refusals > 3);
	alarm(0);
	assert_false(answer.is_there);
}

/* BLPOP stands for a slow command, because it holds up no other client. */
static void test_a_command_over_its_time_ends_with_timeout_and_the_rest_is_unavailable(void **state)
{
	struct redis_config config = fixture_config();
	struct answer slow, behind;
	int64_t begin_us;

	config.command_timeout_ms = 50;
	fixture_ready(&config, NULL);
	begin_us = clock_monotonic_us();
	ASK(&slow, "BLPOP", "nothing", "0");
	ASK(&behind, "PING");
	WAIT_FOR(answers == 2);
	assert_int_equal(slow.status, STATUS_TIMEOUT);
	assert_int_equal(slow.place, 1);
	assert_int_equal(behind.status, STATUS_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin_us >= 50 * 1000);
}

static void test_after_a_timeout_it_connects_again_by_itself(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer;

	config.command_timeout_ms = 50;
	fixture_ready(&config, NULL);
	assert_int_equal(GET(&answer, "BLPOP", "nothing", "0"), STATUS_TIMEOUT);
	assert_false(redis_is_ready(redis));
	WAIT_FOR(redis_is_ready(redis) && GET(&answer, "PING") == STATUS_OK);
}

static void test_a_blocking_command_has_that_much_more_time(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer = {0};

	config.command_timeout_ms = 2000;
	fixture_ready(&config, NULL);
	redis_command_blocking(redis, &scope, 2500, 3, (const char *[]){"BLPOP", "nothing", "2.5"}, NULL, fixture_answered,
			       &answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.type, REDIS_REPLY_NIL);
}

static void test_a_blocking_command_can_be_ended_from_another_connection(void **state)
{
	struct redis_config config = fixture_config();
	struct redis *blocked = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	struct answer answer = {0}, unblocked = {0};

	open_ready();
	WAIT_FOR(redis_is_ready(blocked));
	redis_command_blocking(blocked, &scope, 60000, 3, (const char *[]){"BLPOP", "nothing", "60"}, NULL, fixture_answered,
			       &answer);
	do { /* until Redis has read it */
		unblocked = (struct answer){0};
		redis_unblock(redis, &scope, blocked, fixture_answered, &unblocked);
		WAIT_FOR(unblocked.is_there);
	} while (unblocked.integer == 0);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.type, REDIS_REPLY_NIL);
	redis_free(blocked);
}

/* ---- scopes and what goes with a call ---- */

static void test_a_cancelled_scope_runs_no_callback_and_other_scopes_run_all(void **state)
{
	struct answer cancelled = {0}, neighbour;
	struct scope other;

	scope_init(&other);
	open_ready();
	redis_command(redis, &other, 2, (const char *[]){"INCR", "number"}, NULL, fixture_answered, &cancelled);
	redis_command(redis, &other, 2, (const char *[]){"INCR", "number"}, NULL, fixture_answered, &cancelled);
	ASK(&neighbour, "INCR", "number");
	scope_cancel(&other);
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(neighbour.integer, 3); /* cancelling detaches, it never dequeues */
	assert_false(cancelled.is_there);
}

static void test_a_scope_cancelled_before_a_refusal_is_reported_runs_no_callback(void **state)
{
	struct redis_config config = fixture_config();
	struct answer first, cancelled = {0};
	struct scope other;

	scope_init(&other);
	config.in_flight_max = 1;
	fixture_ready(&config, NULL);
	ASK(&first, "PING");
	redis_command(redis, &other, 1, (const char *[]){"PING"}, NULL, fixture_answered, &cancelled);
	scope_cancel(&other);
	WAIT_FOR(first.is_there);
	event_base_loop(base, EVLOOP_ONCE);
	assert_false(cancelled.is_there);
}

static void test_freeing_with_commands_in_flight_runs_no_callback(void **state)
{
	struct answer sent, unsent;

	open_ready();
	ASK(&sent, "BLPOP", "nothing", "0");
	event_base_loop(base, EVLOOP_NONBLOCK);
	ASK(&unsent, "PING");
	redis_free(redis);
	redis = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(sent.is_there);
	assert_false(unsent.is_there);
	assert_true(scope_is_idle(&scope));
}

#define OWNED_BYTES (4 * 1024 * 1024)

static size_t bytes_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void ping_with_memory(struct scope *of, redis_done *done)
{
	char *memory = mem_alloc(OWNED_BYTES);

	memory[OWNED_BYTES - 2] = 'x';
	redis_call_own(redis_command(redis, of, 1, (const char *[]){"PING"}, NULL, done, memory), memory);
}

static bool was_whole;

static void look_at_memory(enum status status, const redisReply *reply, void *memory)
{
	was_whole = ((char *)memory)[OWNED_BYTES - 2] == 'x';
	answers++;
}

static void test_owned_memory_is_there_in_the_callback_and_freed_after_it(void **state)
{
	size_t before;

	open_ready();
	before = bytes_in_use();
	was_whole = false;
	ping_with_memory(&scope, look_at_memory);
	WAIT_FOR(answers == 1);
	assert_true(was_whole);
	assert_true(bytes_in_use() < before + OWNED_BYTES);
}

static void test_owned_memory_is_freed_when_the_callback_never_runs(void **state)
{
	struct answer neighbour;
	struct scope other;
	size_t before;

	scope_init(&other);
	open_ready();
	before = bytes_in_use();
	ping_with_memory(&other, look_at_memory);
	scope_cancel(&other);
	assert_int_equal(GET(&neighbour, "PING"), STATUS_OK);
	assert_true(bytes_in_use() < before + OWNED_BYTES);
}

static void test_owned_memory_of_a_refused_call_is_there_in_the_callback_and_freed_after_it(void **state)
{
	struct redis_config config = fixture_config();
	struct answer first;
	size_t before;

	config.in_flight_max = 1;
	fixture_ready(&config, NULL);
	before = bytes_in_use();
	was_whole = false;
	ASK(&first, "PING");
	ping_with_memory(&scope, look_at_memory);
	WAIT_FOR(answers == 2);
	assert_true(was_whole);
	assert_true(bytes_in_use() < before + OWNED_BYTES);
}

static void test_owned_memory_of_a_lost_connection_is_there_in_the_callback_and_freed_after_it(void **state)
{
	struct redis_config config = fixture_config();
	struct answer slow;
	size_t before;

	config.command_timeout_ms = 50;
	fixture_ready(&config, NULL);
	before = bytes_in_use();
	was_whole = false;
	ASK(&slow, "BLPOP", "nothing", "0");
	ping_with_memory(&scope, look_at_memory);
	WAIT_FOR(answers == 2);
	assert_true(was_whole);
	assert_true(bytes_in_use() < before + OWNED_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_a_thousand_commands_at_once_are_answered_in_the_order_of_sending),
		REDIS_TEST(test_the_urls_database_is_the_one_that_is_used),
		REDIS_TEST(test_an_error_reply_is_internal_and_comes_with_redis_own_text),
		REDIS_TEST(test_failing_commands_affect_no_other_call),
		REDIS_TEST(test_no_value_is_ok_and_nil),
		REDIS_TEST(test_bytes_come_back_as_they_went),
		REDIS_TEST(test_arguments_are_copied_before_the_call_returns),
		REDIS_TEST(test_more_than_the_sockets_hold_goes_both_ways_at_once),
		REDIS_TEST(test_a_callback_may_make_the_next_call),
		REDIS_TEST(test_beyond_the_limit_in_flight_a_call_is_busy),
		REDIS_TEST(test_when_everything_in_flight_is_answered_the_next_call_is_not_busy),
		REDIS_TEST(test_a_caller_that_tries_again_at_once_does_not_stop_the_loop),
		REDIS_TEST(test_a_command_over_its_time_ends_with_timeout_and_the_rest_is_unavailable),
		REDIS_TEST(test_after_a_timeout_it_connects_again_by_itself),
		REDIS_TEST(test_a_blocking_command_has_that_much_more_time),
		REDIS_TEST(test_a_blocking_command_can_be_ended_from_another_connection),
		REDIS_TEST(test_a_cancelled_scope_runs_no_callback_and_other_scopes_run_all),
		REDIS_TEST(test_a_scope_cancelled_before_a_refusal_is_reported_runs_no_callback),
		REDIS_TEST(test_freeing_with_commands_in_flight_runs_no_callback),
		REDIS_TEST(test_owned_memory_is_there_in_the_callback_and_freed_after_it),
		REDIS_TEST(test_owned_memory_is_freed_when_the_callback_never_runs),
		REDIS_TEST(test_owned_memory_of_a_refused_call_is_there_in_the_callback_and_freed_after_it),
		REDIS_TEST(test_owned_memory_of_a_lost_connection_is_there_in_the_callback_and_freed_after_it),
	};

	return fixture_run("redis/io_redis", tests, sizeof tests / sizeof *tests);
}

/* Lua scripts on a real Redis: loaded on connecting, called by their SHA1, and sent whole when Redis has forgotten them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/redis/redis_fixture.h"

static const struct redis_script give_back = {.name = "give_back", .lua = "return {KEYS[1], KEYS[2], ARGV[1], #ARGV}"};
static const struct redis_script count_up = {.name = "count_up", .lua = "return redis.call('INCR', KEYS[1])"};
static const struct redis_script fail = {.name = "fail", .lua = "return redis.call('NO SUCH COMMAND')"};
static const struct redis_script unlisted = {.name = "unlisted", .lua = "return 'unlisted ' .. ARGV[1]"};
static const struct redis_script *const scripts[] = {&give_back, &count_up, &fail, NULL};

static void open_ready(void)
{
	struct redis_config config = fixture_config();

	fixture_ready(&config, scripts);
}

static void eval(struct answer *answer, const struct redis_script *script, int keys, int argc, const char **argv)
{
	*answer = (struct answer){0};
	redis_eval(redis, &scope, script, keys, argc, argv, NULL, fixture_answered, answer);
	assert_false(answer->is_there);
}

static void count(struct answer *answer)
{
	eval(answer, &count_up, 1, 1, (const char *[]){"number"});
}

/* The text is new in each run, so that Redis does not have it yet. */
static void test_scripts_are_loaded_on_connecting(void **state)
{
	char lua[64], *sha1;
	const struct redis_script script = {.name = "new", .lua = lua};
	const struct redis_script *const alone[] = {&script, NULL};
	struct redis_config config = fixture_config();
	redisReply *reply;

	snprintf(lua, sizeof lua, "return %lld", (long long)clock_unix_ms());
	sha1 = BESIDE_TEXT("EVAL", "return redis.sha1hex(ARGV[1])", "0", lua);
	fixture_ready(&config, alone);
	reply = fixture_reply(ARGV("SCRIPT", "EXISTS", sha1));
	assert_int_equal(reply->element[0]->integer, 1);
	freeReplyObject(reply);
	free(sha1);
}

static void look_at_parts(enum status status, const redisReply *reply, void *is_checked)
{
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(reply->elements, 4);
	assert_string_equal(reply->element[0]->str, "first {key}");
	assert_string_equal(reply->element[1]->str, "second {key}");
	assert_string_equal(reply->element[2]->str, "argument");
	assert_int_equal(reply->element[3]->integer, 2);
	*(bool *)is_checked = true;
}

static void test_a_script_gets_its_keys_and_its_arguments(void **state)
{
	bool is_checked = false;

	open_ready();
	redis_eval(redis, &scope, &give_back, 2, 4, (const char *[]){"first {key}", "second {key}", "argument", "another"},
		   NULL, look_at_parts, &is_checked);
	WAIT_FOR(is_checked);
}

static void test_a_script_may_have_hundreds_of_arguments(void **state)
{
	const char *argv[502];
	struct answer answer;

	for (int i = 0; i < 502; i++)
		argv[i] = "argument";
	open_ready();
	eval(&answer, &give_back, 2, 502, argv);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.type, REDIS_REPLY_ARRAY);
}

static void test_a_scripts_arguments_go_byte_by_byte(void **state)
{
	const size_t lens[] = {4};
	struct answer answer = {0};

	open_ready();
	redis_eval(redis, &scope, &unlisted, 0, 1, (const char *[]){"\0\r\n\xff"}, lens, fixture_answered, &answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.len, 13);
	assert_memory_equal(answer.text, "unlisted \0\r\n\xff", 13);
}

static void test_a_script_that_was_not_listed_runs_as_well(void **state)
{
	struct answer answer;

	open_ready();
	eval(&answer, &unlisted, 0, 1, (const char *[]){"argument"});
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	assert_string_equal(answer.text, "unlisted argument");
}

static void test_a_script_that_fails_is_internal(void **state)
{
	struct answer answer;

	open_ready();
	eval(&answer, &fail, 0, 0, NULL);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_INTERNAL);
	assert_int_equal(answer.type, REDIS_REPLY_ERROR);
}

/* Other clients of this Redis have to load their scripts again too, which is what is tested. */
static void test_a_script_that_redis_forgot_runs_unnoticed_and_once(void **state)
{
	struct answer answer;

	open_ready();
	BESIDE("SCRIPT", "FLUSH");
	count(&answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.integer, 1);
	assert_int_equal(answers, 1);
}

static void test_forgotten_under_load_each_script_runs_once_and_each_caller_gets_an_answer_of_its_own(void **state)
{
	enum { CALLS = 200 };
	static struct answer calls[CALLS];
	long long sum = 0;
	char *number;

	open_ready();
	BESIDE("SCRIPT", "FLUSH");
	for (int i = 0; i < CALLS; i++)
		count(&calls[i]);
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(calls[i].status, STATUS_OK);
		sum += calls[i].integer;
	}
	assert_int_equal(sum, CALLS * (CALLS + 1) / 2);
	number = BESIDE_TEXT("GET", "number");
	assert_string_equal(number, "200");
	free(number);
}

static void test_when_a_script_was_sent_again_it_is_known_again(void **state)
{
	struct answer answer;
	char *sha1 = BESIDE_TEXT("EVAL", "return redis.sha1hex(ARGV[1])", "0", count_up.lua);
	redisReply *reply;

	open_ready();
	BESIDE("SCRIPT", "FLUSH");
	count(&answer);
	WAIT_FOR(answer.is_there);
	reply = fixture_reply(ARGV("SCRIPT", "EXISTS", sha1));
	assert_int_equal(reply->element[0]->integer, 1);
	freeReplyObject(reply);
	free(sha1);
}

static void test_a_forgotten_script_of_a_cancelled_scope_hears_nothing(void **state)
{
	struct answer cancelled = {0}, neighbour;
	struct scope other;

	scope_init(&other);
	open_ready();
	BESIDE("SCRIPT", "FLUSH");
	redis_eval(redis, &other, &count_up, 1, 1, (const char *[]){"number"}, NULL, fixture_answered, &cancelled);
	count(&neighbour);
	scope_cancel(&other);
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(GET(&neighbour, "PING"), STATUS_OK);
	assert_false(cancelled.is_there);
}

static void test_after_a_lost_connection_scripts_run_as_before(void **state)
{
	struct answer answer;

	open_ready();
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	BESIDE("SCRIPT", "FLUSH");
	WAIT_FOR(redis_is_ready(redis));
	count(&answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_OK);
}

static void test_a_script_without_a_connection_is_unavailable(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer;

	redis = redis_new(base, &config, scripts, LOOP_PRIORITY_NORMAL);
	count(&answer);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_UNAVAILABLE);
}

static void test_beyond_the_limit_in_flight_a_script_is_busy(void **state)
{
	struct redis_config config = fixture_config();
	struct answer first, second;

	config.in_flight_max = 1;
	fixture_ready(&config, scripts);
	count(&first);
	count(&second);
	WAIT_FOR(answers == 2);
	assert_int_equal(first.status, STATUS_OK);
	assert_int_equal(second.status, STATUS_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_scripts_are_loaded_on_connecting),
		REDIS_TEST(test_a_script_gets_its_keys_and_its_arguments),
		REDIS_TEST(test_a_script_may_have_hundreds_of_arguments),
		REDIS_TEST(test_a_scripts_arguments_go_byte_by_byte),
		REDIS_TEST(test_a_script_that_was_not_listed_runs_as_well),
		REDIS_TEST(test_a_script_that_fails_is_internal),
		REDIS_TEST(test_a_script_that_redis_forgot_runs_unnoticed_and_once),
		REDIS_TEST(test_forgotten_under_load_each_script_runs_once_and_each_caller_gets_an_answer_of_its_own),
		REDIS_TEST(test_when_a_script_was_sent_again_it_is_known_again),
		REDIS_TEST(test_a_forgotten_script_of_a_cancelled_scope_hears_nothing),
		REDIS_TEST(test_after_a_lost_connection_scripts_run_as_before),
		REDIS_TEST(test_a_script_without_a_connection_is_unavailable),
		REDIS_TEST(test_beyond_the_limit_in_flight_a_script_is_busy),
	};

	return fixture_run("redis/io_redis_scripts", tests, sizeof tests / sizeof *tests);
}

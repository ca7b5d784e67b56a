/* The simulator's Redis beside the real one: random commands and the project's own scripts, with the same answers. Ids that
 * Redis makes of its clock are compared by which of them they are; idle times by whether they are long, because no test waits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/mem.h"
#include "redis/redis_internal.h"
#include "redis_data.h"
#include "tests/random_input.h"

#define ROUNDS 40
#define COMMANDS 250
#define ARGS_MAX 40
#define ID_BYTES 48
#define IDS_MAX 1000
#define LONG_MS 50000 /* idle times are far below it, or twice it */

REDIS_SCRIPT(libcommon_jobs, add, add);
REDIS_SCRIPT(libcommon_jobs, finish, finish);
REDIS_SCRIPT(libcommon_jobs, take_over, take_over);
REDIS_SCRIPT(libcommon_jobs, refill, refill);
REDIS_SCRIPT(libcommon_jobs, refill_begin, refill_begin);
REDIS_SCRIPT(libcommon_jobs, refill_end, refill_end);
REDIS_SCRIPT(libcommon_jobs, written, written);
REDIS_SCRIPT(libcommon_jobs, legacy, legacy);
REDIS_SCRIPT(libcommon_jobs, release, release);
REDIS_SCRIPT(libcommon_jobs, bury, bury);
REDIS_SCRIPT(libcommon_jobs, retry, retry);
REDIS_SCRIPT(libcommon_jobs, look_up, look_up);
REDIS_SCRIPT(libcommon_jobs, count, count);
REDIS_SCRIPT(libcommon_jobs, ask_decimal, ask_decimal);
REDIS_SCRIPT(libcommon_jobs, present, present);

static redisContext *server;
static struct database database;
static struct {
	char real[ID_BYTES], fake[ID_BYTES];
} ids[IDS_MAX];
static int ids_count;
static char history[ARGS_MAX * 100]; /* the command that runs, for messages */

/* ---- the two servers ---- */

static int64_t unix_us(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return now.tv_sec * INT64_C(1000000) + now.tv_usec;
}

static redisReply *run_fake(int argc, const char **argv)
{
	struct command command = {
		.database = &database, .argc = argc, .argv = argv, .now_us = unix_us(), .now_ms = unix_us() / 1000};
	size_t lens[ARGS_MAX];

	for (int i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	command.lens = lens;
	if (strcmp(argv[0], "EVAL") == 0)
		return script_run(&command, argv[1], lens[1], (int)strtol(argv[2], NULL, 10), argc - 3, argv + 3, lens + 3);
	return command_run(&command);
}

/* ---- comparing ---- */

static bool is_made_id(const char *text)
{
	return strspn(text, "0123456789") == 13 && text[13] == '-';
}

/* Which id it is; one that was never seen is a new one in both. */
static void compare_ids(const char *real, const char *fake)
{
	for (int i = 0; i < ids_count; i++)
		if (strcmp(ids[i].real, real) == 0 || strcmp(ids[i].fake, fake) == 0) {
			if (strcmp(ids[i].real, real) != 0 || strcmp(ids[i].fake, fake) != 0)
				fail_msg("%s: another id", history);
			return;
		}
	assert_true(ids_count < IDS_MAX);
	snprintf(ids[ids_count].real, ID_BYTES, "%s", real);
	snprintf(ids[ids_count++].fake, ID_BYTES, "%s", fake);
}

/* Of an error in a script Redis says where, so there only the word is compared. */
static void compare_texts(const redisReply *real, const redisReply *fake)
{
	size_t len = real->type == REDIS_REPLY_ERROR && strstr(real->str, " script: ") ? strcspn(real->str, " ") : real->len;

	if (is_made_id(real->str) && is_made_id(fake->str))
		compare_ids(real->str, fake->str);
	else if (*real->str == '=' && is_made_id(real->str + 1) && *fake->str == '=' && is_made_id(fake->str + 1))
		compare_ids(real->str + 1, fake->str + 1); /* of what is finished */
	else if (fake->len < len || memcmp(real->str, fake->str, len) != 0 || (len == real->len && fake->len != len))
		fail_msg("%s: \"%s\" in place of \"%s\"", history, fake->str, real->str);
}

static void compare(const redisReply *real, const redisReply *fake)
{
	if (real->type != fake->type)
		fail_msg("%s: type %d (%s) in place of %d (%s)", history, fake->type, fake->str ? fake->str : "", real->type,
			 real->str ? real->str : "");
	if (real->type == REDIS_REPLY_INTEGER && (real->integer >= LONG_MS) != (fake->integer >= LONG_MS))
		fail_msg("%s: %lld in place of %lld", history, fake->integer, real->integer);
	if (real->type == REDIS_REPLY_STRING || real->type == REDIS_REPLY_STATUS || real->type == REDIS_REPLY_ERROR)
		compare_texts(real, fake);
	if (real->type != REDIS_REPLY_ARRAY)
		return;
	if (real->elements != fake->elements)
		fail_msg("%s: %zu elements in place of %zu", history, fake->elements, real->elements);
	for (size_t i = 0; i < real->elements; i++)
		compare(real->element[i], fake->element[i]);
}

/* An integer is compared exactly where it is no idle time: those are the third of four, and the sixth of six. */
static void compare_numbers(const redisReply *real, const redisReply *fake)
{
	if (real->type == REDIS_REPLY_INTEGER)
		assert_int_equal(real->integer, fake->integer);
	if (real->type != REDIS_REPLY_ARRAY)
		return;
	for (size_t i = 0; i < real->elements; i++)
		if (!(real->elements == 4 && i == 2) && !(real->elements == 6 && i == 5))
			compare_numbers(real->element[i], fake->element[i]);
}

/* ---- one command to both; "#7" stands for the id with that number ---- */

static const char *id_of(const char *arg, bool is_real)
{
	long number;

	if (*arg != '#')
		return arg;
	number = strtol(arg + 1, NULL, 10);
	if (ids_count == 0)
		return "1-1";
	return is_real ? ids[number % ids_count].real : ids[number % ids_count].fake;
}

/* A stream that was deleted gives the ids of the same millisecond again, and only the one or the other server may still be in
 * it. */
static void let_ids_grow(void)
{
	int64_t next_ms = unix_us() / 1000 + 2;

	while (unix_us() / 1000 < next_ms)
		;
}

static void both(int argc, const char **argv)
{
	const char *real_argv[ARGS_MAX], *fake_argv[ARGS_MAX];
	redisReply *real, *fake;
	size_t len = 0;

	for (int i = 0; i < argc; i++) {
		real_argv[i] = id_of(argv[i], true);
		fake_argv[i] = id_of(argv[i], false);
		len += (size_t)snprintf(history + len, sizeof history - len, "%.60s ", argv[i]);
	}
	real = redisCommandArgv(server, argc, real_argv, NULL);
	fake = run_fake(argc, fake_argv);
	assert_non_null(real);
	compare(real, fake);
	compare_numbers(real, fake);
	freeReplyObject(real);
	freeReplyObject(fake);
	if (strcmp(argv[0], "DEL") == 0)
		let_ids_grow();
}

/* The words of a line. */
static void both_line(char *line)
{
	const char *argv[ARGS_MAX];
	char *rest = NULL;
	int argc = 0;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = strcmp(word, "''") == 0 ? "" : word;
	both(argc, argv);
}

/* ---- random commands ---- */

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

static const char *any(const char *const *words, unsigned n)
{
	return words[below(n)];
}
#define ANY(...) any((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* J a lane of jobs, K a key, F a field, I an id, C a consumer, N a small number, L an idle time: short or long, G a group. */
static const char *fill(char letter, char *number, size_t size)
{
	switch (letter) {
	case 'J':
		return ANY("jobs", "{jobs}:large");
	case 'K':
		return ANY("s", "s", "s", "h", "t", "nothing");
	case 'F':
		return ANY("f1", "f2", "f3", "'*'");
	case 'C':
		return ANY("anna", "ben", "cleo");
	case 'G':
		return ANY("g", "g", "g", "h2");
	case 'L':
		return ANY("0", "50000");
	case 'I':
		snprintf(number, size, "#%u", below(1000));
		return number;
	default:
		snprintf(number, size, "%u", below(4) + 1);
		return number;
	}
}

static void expand(const char *pattern, char *line, size_t size)
{
	char number[16];
	size_t len = 0;

	for (const char *at = pattern; *at && len < size - 1; at++)
		if (*at == '%')
			len += (size_t)snprintf(line + len, size - len, "%s", fill(*++at, number, sizeof number));
		else
			line[len++] = *at;
	line[len < size ? len : size - 1] = '\0';
}

static void random_command(void)
{
	static const char *const patterns[] = {
		"HSET %K %F %N",
		"HSET %K %F %N %F %N",
		"HSETNX %K %F %N",
		"SADD %K %F",
		"SADD %K %F %F %N",
		"SISMEMBER %K %F",
		"SCARD %K",
		"HGET %K %F",
		"HDEL %K %F %F",
		"HEXISTS %K %F",
		"HLEN %K",
		"HGETALL %K",
		"GET %K",
		"SET t %N",
		"SET t %N NX",
		"DEL %K",
		"EXISTS %K %K",
		"XADD s * a %N b %N",
		"XADD s * a %N",
		"XADD s MINID ~ %N-0 * a %N",
		"XADD %K 1-1 a b",
		"XADD %K 0-0 a b",
		"XDEL %K %I",
		"XDEL s %I %I",
		"XLEN %K",
		"XRANGE %K - + COUNT %N",
		"XRANGE s %I %I",
		"XRANGE s %I +",
		"XTRIM s MINID %I",
		"XREAD COUNT %N STREAMS %K 0-0",
		"XREAD COUNT %N STREAMS s %I",
		"XGROUP CREATE %K %G 0 MKSTREAM",
		"XGROUP CREATE %K %G 0",
		"XGROUP DELCONSUMER s %G %C",
		"XGROUP DESTROY %K %G",
		"XREADGROUP GROUP %G %C COUNT %N STREAMS %K >",
		"XREADGROUP GROUP g %C COUNT %N STREAMS s >",
		"XREADGROUP GROUP g %C COUNT %N STREAMS s >",
		"XACK s %G %I",
		"XACK %K g %I %I",
		"XPENDING s %G - + %N",
		"XPENDING %K %G IDLE 50000 - + 10",
		"XPENDING s g %I %I 1 %C",
		"XCLAIM s %G %C %L %I",
		"XCLAIM s g %C 0 %I %I IDLE 100000",
		"XCLAIM s g %C 0 %I JUSTID",
		"XCLAIM s g %C %L %I IDLE 100000 RETRYCOUNT %N JUSTID",
		"XCLAIM %K g %C 0 %I",
		"XAUTOCLAIM s g %C 0 0-0 COUNT 5",
		"XAUTOCLAIM s g %C %L 0-0 COUNT 5",
		"XAUTOCLAIM %K g %C 0 0-0 COUNT 5",
		"XINFO CONSUMERS s g",
		"XINFO CONSUMERS %K %G",
	};
	char line[300];

	expand(patterns[below(sizeof patterns / sizeof *patterns)], line, sizeof line);
	both_line(line);
}

/* ---- scripts ---- */

static void script(const struct redis_script *which, const char *pattern)
{
	const char *argv[ARGS_MAX] = {"EVAL", which->lua};
	char line[400], *rest = NULL;
	int argc = 2;

	expand(pattern, line, sizeof line);
	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = strcmp(word, "''") == 0 ? "" : word;
	both(argc, argv);
}

#define KEYS6 "6 jobs {jobs}:large {jobs}:window {jobs}:dead {jobs}:finished {jobs}:load "
#define KEYS_BEGIN "7 {jobs}:refill jobs {jobs}:large {jobs}:window {jobs}:finished {jobs}:load {jobs}:gone "
#define KEYS_REFILL "8 jobs {jobs}:large {jobs}:window {jobs}:dead {jobs}:finished {jobs}:load {jobs}:refill {jobs}:gone "
#define KEYS5 "5 %J {jobs}:window {jobs}:dead {jobs}:finished {jobs}:load "

/* So that no id of one stream is one of another, on one server alone. */
static void begin_streams(void)
{
	if (!database_find(&database, "{jobs}:finished", strlen("{jobs}:finished")))
		both_line((char[]){"XADD {jobs}:finished 9000000000000-1 kind lucas index 1 summary x"});
	if (!database_find(&database, "{jobs}:large", strlen("{jobs}:large")))
		both_line((char[]){"XADD {jobs}:large 8000000000000-1 kind lucas index 1 request_id x us 2"});
}

static void random_script(void)
{
	static const struct {
		const struct redis_script *script;
		const char *pattern;
	} calls[] = {
		{&add_script, KEYS6 "%N %N lucas %N r1 0 trace lucas %N r2 2 trace"},
		{&add_script, KEYS6 "1000 1000 lucas %N r1 3 trace"},
		{&finish_script, KEYS6 "workers 5 live %I lucas %N 1 10 7 trace"},
		{&finish_script, KEYS6 "workers 5 live %I lucas %N 3 10 1…3 trace %I lucas %N 1 10 7 trace"},
		{&take_over_script, KEYS5 "workers %C 50000 3 10 77"},
		{&refill_script, KEYS_REFILL "%N %N %C#1 lucas %N 0 lucas %N 2"},
		{&refill_begin_script, KEYS_BEGIN "%C#1 1000000 3 %N 3 1 1"},
		{&refill_begin_script, KEYS_BEGIN "%C#1 1000000 3 %N 3 1 0"},
		{&refill_end_script, "3 {jobs}:refill {jobs}:load {jobs}:gone %C#1 1000000 1 2"},
		{&refill_end_script, "3 {jobs}:refill {jobs}:load {jobs}:gone %C#1 0 0 1"},
		{&written_script, "4 {jobs}:window {jobs}:finished {jobs}:refill {jobs}:gone values %I lucas:%N"},
		{&release_script, "1 %J workers %C 100000 %I %I"},
		{&bury_script, KEYS5 "workers %I lucas %N letter"},
		{&retry_script, "4 jobs {jobs}:window {jobs}:dead {jobs}:load lucas %N 0 0"},
		{&retry_script, "4 {jobs}:large {jobs}:window {jobs}:dead {jobs}:load lucas %N 1 3"},
		{&look_up_script, "3 {jobs}:window {jobs}:dead {jobs}:finished lucas %N lucas %N"},
		{&legacy_script, "2 h results:lucas 1 %N 2 %N"},
		{&ask_decimal_script, "2 {jobs}:asked {jobs}:asked:%N lucas:%N r1 3 1000000"},
		{&present_script, "2 {jobs}:workers {jobs}:load %C %N 50 1000000"},
		{&present_script, "2 {jobs}:workers {jobs}:load %C 0 100 1000000"},
		{&count_script, "4 jobs {jobs}:large {jobs}:dead {jobs}:backlog"},
	};
	static const char *const patterns[] = {
		"XGROUP CREATE %J workers 0 MKSTREAM",
		"XGROUP CREATE {jobs}:finished values 0 MKSTREAM",
		"XREADGROUP GROUP workers %C COUNT %N STREAMS %J >",
		"XREADGROUP GROUP workers %C COUNT %N STREAMS %J >",
		"XREADGROUP GROUP values values COUNT %N STREAMS {jobs}:finished >",
		"XAUTOCLAIM {jobs}:finished values values 0 0-0 COUNT 5",
		"XPENDING %J workers - + 10",
		"XINFO CONSUMERS jobs workers",
		"XRANGE %J - +",
		"XRANGE {jobs}:finished - +",
		"HGET {jobs}:window lucas:%N",
		"HGET {jobs}:load us",
		"HGET {jobs}:load large_waits",
		"EXISTS {jobs}:refill",
		"SCARD {jobs}:gone",
		"XCLAIM jobs workers %C 0 %I IDLE 100000",
		"LRANGE {jobs}:asked 0 -1",
		"DEL {jobs}:asked",
		"DEL jobs",
	};
	char line[300];

	begin_streams();
	if (below(2)) {
		unsigned which = below(sizeof calls / sizeof *calls);

		script(calls[which].script, calls[which].pattern);
		return;
	}
	/* rarely, because most sequences end with it */
	expand(patterns[below(sizeof patterns / sizeof *patterns - (below(8) ? 1 : 0))], line, sizeof line);
	both_line(line);
}

/* Both reply types of a value in Lua, and errors that a script catches or does not. */
static void random_lua(void)
{
	static const char *const scripts[] = {
		"return {1, 2.9, 'x', true, false, 3}",
		"return {1, nil, 2}",
		"return redis.call('GET', 't')",
		"return redis.call('HGET', 'h', 'f1') == false",
		"return {ok = 'fine'}",
		"return {err = 'MINE not fine'}",
		"return redis.call('HSET', 't', 'a', 'b')",
		"return redis.pcall('HSET', 't', 'a', 'b').err ~= nil",
		"return redis.pcall('XPENDING', 'nothing', 'g', '-', '+', 1)",
		"return type(redis.call('XRANGE', 's', '-', '+'))",
		"return #redis.call('XRANGE', 's', '-', '+')",
		"return redis.call('SET', 't', 7 - 2)",
		"return redis.call('GET', 't') .. KEYS[1] .. ARGV[1]",
		"return #redis.call('TIME')",
		"return nothing.there",
		"local names = {} for i, group in ipairs(redis.pcall('XINFO', 'GROUPS', 's')) do names[i] = group[2] end "
		"table.sort(names) return names",
		"local info = redis.call('XINFO', 'STREAM', 's') "
		"for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return info[i + 1] end end",
	};
	const char *argv[] = {"EVAL", scripts[below(sizeof scripts / sizeof *scripts)], "1", "key", "argument"};

	both(5, argv);
}

/* ---- tests ---- */

static int set_up(void **state)
{
	struct redis_address address;

	assert_int_equal(redis_url_parse(getenv("TEST_REDIS_URL"), &address), STATUS_OK);
	server = redisConnect(address.host, address.port);
	assert_non_null(server);
	assert_int_equal(server->err, 0);
	if (address.password)
		freeReplyObject(redisCommand(server, "AUTH %s %s", address.user ? address.user : "default", address.password));
	freeReplyObject(redisCommand(server, "SELECT %d", address.database));
	redis_address_free(&address);
	return 0;
}

static int tear_down(void **state)
{
	freeReplyObject(redisCommand(server, "FLUSHDB"));
	redisFree(server);
	database_free(&database);
	return 0;
}

static void compare_sequences(void (*step)(void))
{
	for (int i = 0; i < ROUNDS; i++) {
		freeReplyObject(redisCommand(server, "FLUSHDB"));
		database_free(&database);
		ids_count = 0;
		for (int j = 0; j < COMMANDS; j++)
			step();
	}
}

static void test_commands_are_answered_as_by_redis(void **state)
{
	random_input_start();
	compare_sequences(random_command);
}

static void test_the_scripts_of_the_jobs_are_answered_as_by_redis(void **state)
{
	random_input_start();
	compare_sequences(random_script);
}

static void any_step(void)
{
	(below(2) ? random_lua : random_command)();
}

static void test_values_and_errors_go_in_and_out_of_lua_as_in_redis(void **state)
{
	random_input_start();
	compare_sequences(any_step);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commands_are_answered_as_by_redis, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_scripts_of_the_jobs_are_answered_as_by_redis, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_and_errors_go_in_and_out_of_lua_as_in_redis, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

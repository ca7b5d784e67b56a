/* What a worker holds while Redis takes no writes (UNSTORED_BYTES_MAX). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "service.h"
#include "tests/capture.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

#define JOBS 3
#define UNSTORED_BYTES_MAX 300 /* a result of the index 1000 has 209 digits: two of them are too much */
#define JOB(id)           \
	"*2\r\n$3\r\n" id \
	"\r\n*6\r\n$4\r\nkind\r\n$9\r\nfibonacci\r\n$5\r\nindex\r\n$4\r\n1000\r\n$10\r\nrequest_id\r\n$1\r\nr\r\n"
#define FINISH_ARGS 6 /* of one result */
#define FINISH_FIRST 12

static struct work *work;
static bool is_full;
static int reads, refused, refused_first, stored; /* refused and stored: results */

static const char *answer_finish(const redisReply *command)
{
	int results = (int)(command->elements - FINISH_FIRST) / FINISH_ARGS;

	if (!is_full) {
		stored += results;
		return ":1\r\n";
	}
	if (!refused)
		refused_first = results;
	refused += results;
	return "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
}

static const char *answer(const redisReply *command)
{
	if (fake_redis_is(command, "EVALSHA"))
		return answer_finish(command);
	if (!fake_redis_is(command, "XREADGROUP") || strcmp(command->element[command->elements - 2]->str, "jobs") != 0)
		return "*-1\r\n";
	return reads++ ? "*-1\r\n" : "*1\r\n*2\r\n$4\r\njobs\r\n*3\r\n" JOB("1-1") JOB("1-2") JOB("1-3");
}

static int set_up(void **state)
{
	static struct worker_config config = {.lease_s = 60,
					      .max_deliveries = 5,
					      .batch = 10,
					      .threads = 1,
					      .cache_s = 100,
					      .unstored_bytes_max = UNSTORED_BYTES_MAX};

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	fake_redis_open(answer);
	config.redis = fake_redis_config();
	reads = refused = refused_first = stored = 0;
	is_full = true;
	work = work_new(base, &config, false);
	return 0;
}

static int tear_down(void **state)
{
	work_free(work);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	return 0;
}

static void test_with_too_many_bytes_unstored_nothing_is_calculated_or_received(void **state)
{
	const char *reason;

	WAIT_FOR(refused >= 5);
	assert_int_equal(refused_first, 2);
	assert_int_equal(reads, 1);
	assert_false(work_is_ready(work, &reason));
	assert_string_equal(reason, "redis is full");
}

static void test_when_redis_takes_writes_again_all_is_stored_once_and_the_rest_calculated(void **state)
{
	const char *reason;

	WAIT_FOR(refused >= 3);
	is_full = false;
	WAIT_FOR(stored == JOBS && reads > 1);
	WAIT_FOR(work_is_ready(work, &reason));
	assert_int_equal(stored, JOBS);
}

static int times(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

static void test_a_refusal_that_goes_on_is_logged_once(void **state)
{
	static struct capture capture;
	const char *text;

	log_init("test", "test", LOG_WARN);
	capture_start(&capture, STDOUT_FILENO);
	while (refused < 7) /* more than a second, because a line that is the same within one is only counted */
		event_base_loop(base, EVLOOP_ONCE);
	log_flush();
	text = capture_end(&capture);
	assert_int_equal(times(text, "redis refused a command"), 1);
	assert_int_equal(times(text, "results could not be stored"), 1);
}

#define UNSTORED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static int set_up_metrics(void **state)
{
	work_register_metrics();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNSTORED_TEST(test_with_too_many_bytes_unstored_nothing_is_calculated_or_received),
		UNSTORED_TEST(test_when_redis_takes_writes_again_all_is_stored_once_and_the_rest_calculated),
		UNSTORED_TEST(test_a_refusal_that_goes_on_is_logged_once),
	};

	return cmocka_run_group_tests(tests, set_up_metrics, NULL);
}

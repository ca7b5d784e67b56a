/* A client with LOOP_PRIORITY_FIRST loses its connection, and reads the end of that connection before the work that frees it,
 * which has the normal priority, has run. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "redis/redis.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

static struct redis *redis;
static struct scope scope;

/* Redis answers with an error and ends: both are in the client's socket when it reads the first. */
static const char *answer_and_close(const redisReply *command)
{
	static const char error[] = "-LOADING Redis is loading the dataset in memory\r\n";

	(void)!write(fake_redis.clients[0], error, sizeof error - 1);
	shutdown(fake_redis.clients[0], SHUT_RDWR);
	return NULL;
}

static int set_up(void **state)
{
	struct redis_config config;

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	scope_init(&scope);
	fake_redis_open(answer_and_close);
	config = fake_redis_config();
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_FIRST);
	return 0;
}

static int tear_down(void **state)
{
	redis_free(redis);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	return 0;
}

static void note(enum status status, const redisReply *reply, void *arg)
{
	*(enum status *)arg = status;
}

static void test_an_error_with_the_end_of_the_connection_right_behind_it_is_one_loss(void **state)
{
	enum status status = STATUS_OK;

	WAIT_FOR(redis_is_ready(redis));
	redis_command(redis, &scope, 2, (const char *[]){"GET", "x"}, NULL, note, &status);
	WAIT_FOR(fake_redis.count == 2 && redis_is_ready(redis));
	assert_int_equal(status, STATUS_UNAVAILABLE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_error_with_the_end_of_the_connection_right_behind_it_is_one_loss,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

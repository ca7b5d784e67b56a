/* A Redis that is missing, disappears, falls silent or refuses: how calls end, and that the client recovers by itself.
 * Subscriptions are here too, because surviving a lost connection is their purpose. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "redis/redis_internal.h"
#include "tests/redis/redis_fixture.h"
#include "tests/skip.h"

static void open_ready(void)
{
	struct redis_config config = fixture_config();

	fixture_ready(&config, NULL);
}

static void get_until_ok(void)
{
	struct answer answer;

	WAIT_FOR(redis_is_ready(redis) && GET(&answer, "PING") == STATUS_OK);
}

/* A port of this machine on which connections are accepted by the kernel and never answered, or, when closed, refused. */
static int listen_silently(struct redis_config *config)
{
	static char host[] = "127.0.0.1";
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*config = fixture_config();
	config->url = NULL;
	config->host = host;
	config->port = ntohs(address.sin_port);
	return fd;
}

/* ---- not there ---- */

static void test_before_it_has_connected_a_call_is_unavailable(void **state)
{
	struct redis_config config = fixture_config();
	struct answer answer;

	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	assert_false(redis_is_ready(redis));
	assert_int_equal(GET(&answer, "PING"), STATUS_UNAVAILABLE);
	assert_false(answer.has_reply);
}

static void test_without_a_server_calls_are_unavailable_at_once(void **state)
{
	struct redis_config config;
	struct answer answer;
	int64_t begin_us;

	close(listen_silently(&config));
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_ONCE);
	begin_us = clock_monotonic_us();
	assert_int_equal(GET(&answer, "PING"), STATUS_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin_us < 1000000);
	assert_false(redis_is_ready(redis));
}

static void test_a_server_that_accepts_and_never_answers_is_given_up(void **state)
{
	struct redis_config config;
	int fd = listen_silently(&config), first = -1, second = -1;

	evutil_make_socket_nonblocking(fd);
	config.connect_timeout_ms = 50;
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	WAIT_FOR((first = accept(fd, NULL, NULL)) >= 0);
	WAIT_FOR((second = accept(fd, NULL, NULL)) >= 0); /* it tries again */
	assert_false(redis_is_ready(redis));
	close(first);
	close(second);
	close(fd);
}

static void test_a_server_that_speaks_another_protocol_is_given_up(void **state)
{
	static const char nonsense[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct redis_config config;
	int fd = listen_silently(&config), first = -1, second = -1;

	evutil_make_socket_nonblocking(fd);
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	WAIT_FOR((first = accept(fd, NULL, NULL)) >= 0);
	assert_int_equal(write(first, nonsense, sizeof nonsense - 1), sizeof nonsense - 1);
	WAIT_FOR((second = accept(fd, NULL, NULL)) >= 0);
	assert_false(redis_is_ready(redis));
	close(first);
	close(second);
	close(fd);
}

static void test_a_wrong_password_never_becomes_ready(void **state)
{
	struct redis_config config = fixture_config();
	struct redis_address address;
	char url[300];
	int64_t until_us = clock_monotonic_us() + 300000; /* some attempts */

	assert_int_equal(redis_url_parse(config.url, &address), STATUS_OK);
	snprintf(url, sizeof url, "redis://:not-the-password@%s:%d/%d", address.host, address.port, address.database);
	redis_address_free(&address);
	config.url = url;
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	while (clock_monotonic_us() < until_us) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_false(redis_is_ready(redis));
	}
}

static void test_the_name_of_a_host_is_looked_up(void **state)
{
	static const char address[] = "127.0.0.1:";
	struct redis_config config = fixture_config();
	const char *at = strstr(config.url, address);
	char url[500];

	if (!at)
		skip_because("the URL of Redis is not one of 127.0.0.1");
	snprintf(url, sizeof url, "%.*slocalhost:%s", (int)(at - config.url), config.url, at + sizeof address - 1);
	config.url = url;
	fixture_ready(&config, NULL);
	get_until_ok();
}

/* ---- lost ---- */

static void test_killed_under_load_all_in_flight_is_unavailable(void **state)
{
	enum { CALLS = 500 };
	static struct answer calls[CALLS];

	open_ready();
	ASK(&calls[0], "BLPOP", "nothing", "0");
	for (int i = 1; i < CALLS; i++)
		ASK(&calls[i], "INCR", "number");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(calls[i].status, STATUS_UNAVAILABLE);
		assert_false(calls[i].has_reply);
	}
}

static void test_killed_it_connects_again_by_itself_and_answers(void **state)
{
	open_ready();
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	get_until_ok();
}

static void test_killed_again_and_again_it_comes_back_each_time(void **state)
{
	open_ready();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fixture_kill(), 1);
		WAIT_FOR(!redis_is_ready(redis));
		get_until_ok();
	}
}

static void test_a_cancelled_scope_runs_no_callback_when_the_connection_is_lost(void **state)
{
	struct answer cancelled = {0}, neighbour;
	struct scope other;

	scope_init(&other);
	open_ready();
	redis_command(redis, &other, 3, (const char *[]){"BLPOP", "nothing", "0"}, NULL, fixture_answered, &cancelled);
	ASK(&neighbour, "PING");
	event_base_loop(base, EVLOOP_NONBLOCK);
	scope_cancel(&other);
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(neighbour.status, STATUS_UNAVAILABLE);
	assert_false(cancelled.is_there);
}

static void cancel_both(enum status status, const redisReply *reply, void *other)
{
	answers++;
	scope_cancel(other);
}

static void test_a_scope_cancelled_by_the_first_callback_of_a_loss_runs_no_second(void **state)
{
	struct scope other;

	scope_init(&other);
	open_ready();
	redis_command(redis, &other, 3, (const char *[]){"BLPOP", "nothing", "0"}, NULL, cancel_both, &other);
	redis_command(redis, &other, 1, (const char *[]){"PING"}, NULL, cancel_both, &other);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(answers > 0);
	get_until_ok();
	assert_int_equal(answers, 2); /* the other is get_until_ok()'s */
}

static int refusals;

static void ask_again(enum status status, const redisReply *reply, void *arg)
{
	assert_int_equal(status, STATUS_UNAVAILABLE);
	refusals++;
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_again, NULL);
}

static void test_without_a_server_a_caller_that_tries_again_at_once_does_not_stop_the_loop(void **state)
{
	struct redis_config config;

	refusals = 0;
	close(listen_silently(&config));
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, ask_again, NULL);
	alarm(20); /* else this would wait for ever */
	WAIT_FOR(refusals > 3);
	alarm(0);
}

/* ---- redis_on_change() ---- */

static char changes[16];

static void changed(bool is_ready, void *arg)
{
	assert_ptr_equal(arg, changes);
	assert_int_equal(redis_is_ready(redis), is_ready);
	strcat(changes, is_ready ? "+" : "-");
}

static void test_each_change_between_ready_and_lost_is_reported_once(void **state)
{
	struct redis_config config = fixture_config();

	changes[0] = '\0';
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(redis, changed, changes);
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	get_until_ok();
	assert_string_equal(changes, "+-+");
}

static void test_failed_attempts_are_not_reported_as_changes(void **state)
{
	struct redis_config config;
	int fd = listen_silently(&config), first = -1, second = -1;

	changes[0] = '\0';
	evutil_make_socket_nonblocking(fd);
	config.connect_timeout_ms = 50;
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(redis, changed, changes);
	WAIT_FOR((first = accept(fd, NULL, NULL)) >= 0);
	WAIT_FOR((second = accept(fd, NULL, NULL)) >= 0);
	assert_string_equal(changes, "");
	close(first);
	close(second);
	close(fd);
}

static struct answer asked_on_change;

static void ask_when_ready(bool is_ready, void *arg)
{
	if (is_ready)
		ASK(&asked_on_change, "PING");
}

static void test_the_callback_of_a_ready_connection_may_use_it_at_once(void **state)
{
	struct redis_config config = fixture_config();

	asked_on_change = (struct answer){0};
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(redis, ask_when_ready, NULL);
	WAIT_FOR(asked_on_change.is_there);
	assert_int_equal(asked_on_change.status, STATUS_OK);
}

/* ---- redis_subscribe() ---- */

static char channel[64], messages[200];
static size_t messages_len;

static void heard(const char *bytes, size_t len, void *arg)
{
	assert_ptr_equal(arg, messages);
	memcpy(messages + messages_len, bytes, len);
	messages_len += len;
}

/* Channels know no databases, so the name must be this program's own. */
static void subscribe(void)
{
	struct redis_config config = fixture_config();

	snprintf(channel, sizeof channel, "io_redis_lost:%d", (int)getpid());
	messages_len = 0;
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_subscribe(redis, channel, heard, messages);
}

static void say(const char *text)
{
	size_t before = messages_len;

	WAIT_FOR(BESIDE("PUBLISH", channel, text) == 1);
	WAIT_FOR(messages_len == before + strlen(text));
}

static void test_a_subscriber_gets_each_message_once_and_in_order(void **state)
{
	subscribe();
	say("one ");
	say("two ");
	say("three");
	assert_memory_equal(messages, "one two three", 13);
}

static void heard_other(const char *bytes, size_t len, void *arg)
{
	assert_memory_equal(bytes, "other", len);
	*(bool *)arg = true;
}

static void test_a_second_channel_has_its_own_callback_also_after_a_reconnect(void **state)
{
	char other[80];
	bool is_heard = false;

	subscribe();
	snprintf(other, sizeof other, "%s:other", channel);
	redis_subscribe(redis, other, heard_other, &is_heard);
	say("one ");
	WAIT_FOR(BESIDE("PUBLISH", other, "other") == 1);
	WAIT_FOR(is_heard);
	is_heard = false;
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	say("two");
	WAIT_FOR(BESIDE("PUBLISH", other, "other") == 1);
	WAIT_FOR(is_heard);
	assert_memory_equal(messages, "one two", 7);
	assert_int_equal(messages_len, 7);
}

static void test_subscribing_on_a_ready_connection_works_too(void **state)
{
	open_ready();
	snprintf(channel, sizeof channel, "io_redis_lost:%d", (int)getpid());
	messages_len = 0;
	redis_subscribe(redis, channel, heard, messages);
	say("one");
	assert_memory_equal(messages, "one", 3);
}

static void test_a_subscription_survives_a_lost_connection(void **state)
{
	subscribe();
	say("one ");
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	say("two");
	assert_memory_equal(messages, "one two", 7);
	assert_int_equal(messages_len, 7);
}

static void test_a_lost_connection_is_reported_to_its_subscriber(void **state)
{
	changes[0] = '\0';
	subscribe();
	redis_on_change(redis, changed, changes);
	say("one");
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(!redis_is_ready(redis));
	WAIT_FOR(redis_is_ready(redis));
	assert_string_equal(changes, "+-+");
}

static void refused(enum status status, const redisReply *reply, void *arg)
{
	*(bool *)arg = true;
}

static void replace_in_a_callback(enum status status, const redisReply *reply, void *arg)
{
	redis_replace(redis);
}

static void note_status(enum status status, const redisReply *reply, void *arg)
{
	*(enum status *)arg = status;
}

static void test_a_connection_can_be_replaced_in_a_callback_and_what_is_in_flight_is_unavailable(void **state)
{
	struct redis_config config = fixture_config();
	enum status in_flight = STATUS_BUSY;
	long long before;

	changes[0] = '\0';
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(redis, changed, changes);
	redis_replace(redis); /* which does nothing before it is ready */
	WAIT_FOR(redis_is_ready(redis));
	before = redis->client_id;
	redis_command(redis, &scope, 1, (const char *[]){"PING"}, NULL, replace_in_a_callback, NULL);
	redis_command(redis, &scope, 3, (const char *[]){"BLPOP", "no such list", "5"}, NULL, note_status, &in_flight);
	WAIT_FOR(!redis_is_ready(redis));
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(in_flight, STATUS_UNAVAILABLE);
	assert_int_not_equal(redis->client_id, before);
	assert_string_equal(changes, "+-+");
}

static void test_a_subscriber_is_replaced_when_an_error_drops_the_connection_for_commands(void **state)
{
	struct redis_config config = fixture_config();
	struct redis *commands = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	bool is_refused = false;

	subscribe();
	redis_replace_with(redis, commands);
	say("one ");
	WAIT_FOR(redis_is_ready(commands));
	redis_command(commands, &scope, 3, (const char *[]){"EVAL", "return redis.error_reply('READONLY a replica')", "0"},
		      NULL, refused, &is_refused);
	WAIT_FOR(is_refused);
	WAIT_FOR(!redis_is_ready(redis));
	WAIT_FOR(redis_is_ready(redis));
	say("two");
	assert_memory_equal(messages, "one two", 7);
	redis_free(commands);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_before_it_has_connected_a_call_is_unavailable),
		REDIS_TEST(test_without_a_server_calls_are_unavailable_at_once),
		REDIS_TEST(test_a_server_that_accepts_and_never_answers_is_given_up),
		REDIS_TEST(test_a_server_that_speaks_another_protocol_is_given_up),
		REDIS_TEST(test_a_wrong_password_never_becomes_ready),
		REDIS_TEST(test_the_name_of_a_host_is_looked_up),
		REDIS_TEST(test_killed_under_load_all_in_flight_is_unavailable),
		REDIS_TEST(test_killed_it_connects_again_by_itself_and_answers),
		REDIS_TEST(test_killed_again_and_again_it_comes_back_each_time),
		REDIS_TEST(test_a_cancelled_scope_runs_no_callback_when_the_connection_is_lost),
		REDIS_TEST(test_a_scope_cancelled_by_the_first_callback_of_a_loss_runs_no_second),
		REDIS_TEST(test_without_a_server_a_caller_that_tries_again_at_once_does_not_stop_the_loop),
		REDIS_TEST(test_each_change_between_ready_and_lost_is_reported_once),
		REDIS_TEST(test_failed_attempts_are_not_reported_as_changes),
		REDIS_TEST(test_the_callback_of_a_ready_connection_may_use_it_at_once),
		REDIS_TEST(test_a_subscriber_gets_each_message_once_and_in_order),
		REDIS_TEST(test_a_second_channel_has_its_own_callback_also_after_a_reconnect),
		REDIS_TEST(test_subscribing_on_a_ready_connection_works_too),
		REDIS_TEST(test_a_subscription_survives_a_lost_connection),
		REDIS_TEST(test_a_lost_connection_is_reported_to_its_subscriber),
		REDIS_TEST(test_a_connection_can_be_replaced_in_a_callback_and_what_is_in_flight_is_unavailable),
		REDIS_TEST(test_a_subscriber_is_replaced_when_an_error_drops_the_connection_for_commands),
	};

	return fixture_run("redis/io_redis_lost", tests, sizeof tests / sizeof *tests);
}

/* A real Redis with TLS (TEST_REDIS_TLS_URL, whose certificate TEST_REDIS_CA_FILE believes), beside the same one without. What
 * the certificate must be is in net/test_tls.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "tests/net/certificates.h"
#include "tests/redis/redis_fixture.h"

#define LONG_BYTES (5 << 20)
#define SHORT_BYTES (64 << 10) /* of a socket that takes little */

static struct redis_config tls_config(void)
{
	struct redis_config config = fixture_config();

	config.url = getenv("TEST_REDIS_TLS_URL");
	config.ca_file = getenv("TEST_REDIS_CA_FILE");
	if (!config.url || !config.ca_file)
		fail_msg("TEST_REDIS_TLS_URL must name a Redis with TLS, and TEST_REDIS_CA_FILE the authority of its "
			 "certificate");
	return config;
}

static void open_ready(void)
{
	struct redis_config config = tls_config();

	fixture_ready(&config, NULL);
}

static void get_until_ok(void)
{
	struct answer answer;

	WAIT_FOR(redis_is_ready(redis) && GET(&answer, "PING") == STATUS_OK);
}

/* ---- commands and replies ---- */

static void test_a_command_is_answered(void **state)
{
	struct answer answer;

	open_ready();
	assert_int_equal(GET(&answer, "SET", "key", "value"), STATUS_OK);
	assert_int_equal(GET(&answer, "GET", "key"), STATUS_OK);
	assert_string_equal(answer.text, "value");
}

static void test_a_thousand_commands_in_flight_are_answered_in_order(void **state)
{
	enum { CALLS = 1000 };
	static struct answer calls[CALLS];

	open_ready();
	for (int i = 0; i < CALLS; i++)
		ASK(&calls[i], "INCR", "number");
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(calls[i].integer, i + 1);
		assert_int_equal(calls[i].place, i + 1);
	}
}

static char *long_text(void)
{
	char *text = mem_alloc(LONG_BYTES + 1);

	for (size_t i = 0; i < LONG_BYTES; i++)
		text[i] = (char)('0' + (i * 7 + i / 1000) % 10);
	return text;
}

static bool is_equal;

static void compare(enum status status, const redisReply *reply, void *text)
{
	assert_int_equal(status, STATUS_OK);
	is_equal = reply->len == LONG_BYTES && memcmp(reply->str, text, LONG_BYTES) == 0;
	answers++;
}

static void test_long_commands_and_replies_arrive_whole(void **state)
{
	char *text = long_text();
	struct answer answer;

	open_ready();
	assert_int_equal(GET(&answer, "SET", "key", text), STATUS_OK);
	assert_int_equal(BESIDE("STRLEN", "key"), LONG_BYTES);
	redis_command(redis, &scope, 2, (const char *[]){"GET", "key"}, NULL, compare, text);
	WAIT_FOR(answers == 2);
	assert_true(is_equal);
	free(text);
}

static char messages[200];

static void heard(const char *bytes, size_t len, void *arg)
{
	strncat(messages, bytes, len);
}

static void test_a_subscriber_gets_messages(void **state)
{
	struct redis_config config = tls_config();
	char channel[64];

	messages[0] = '\0';
	snprintf(channel, sizeof channel, "io_redis_tls:%d", (int)getpid());
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	redis_subscribe(redis, channel, heard, NULL);
	WAIT_FOR(BESIDE("PUBLISH", channel, "one") == 1);
	WAIT_FOR(strcmp(messages, "one") == 0);
}

/* ---- lost ---- */

static void test_killed_all_in_flight_is_unavailable_and_the_next_connection_answers(void **state)
{
	struct answer waiting, behind;

	open_ready();
	for (int i = 0; i < 3; i++) {
		ASK(&waiting, "BLPOP", "nothing", "0");
		ASK(&behind, "PING");
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(fixture_kill(), 1);
		WAIT_FOR(waiting.is_there && behind.is_there);
		assert_int_equal(waiting.status, STATUS_UNAVAILABLE);
		assert_int_equal(behind.status, STATUS_UNAVAILABLE);
		get_until_ok();
	}
}

/* Redis has written a part of the reply when it ends the connection: its socket takes less than all. */
static void test_a_reply_that_is_cut_in_the_middle_is_no_answer(void **state)
{
	char *text = long_text();
	struct answer answer;

	open_ready();
	assert_int_equal(GET(&answer, "SET", "key", text), STATUS_OK);
	ASK(&answer, "GET", "key");
	event_base_loop(base, EVLOOP_NONBLOCK); /* sends; what comes is not read before the kill */
	assert_int_equal(fixture_kill(), 1);
	WAIT_FOR(answer.is_there);
	if (answer.status == STATUS_OK)
		assert_int_equal(answer.len, LONG_BYTES);
	else
		assert_int_equal(answer.status, STATUS_UNAVAILABLE);
	get_until_ok();
	free(text);
}

static void test_freed_it_ends_tls_and_the_connection(void **state)
{
	long long ids[16];

	open_ready();
	assert_int_equal(fixture_own_connections(ids), 1);
	redis_free(redis);
	redis = NULL;
	WAIT_FOR(fixture_own_connections(ids) == 0);
}

/* What stands between the client and Redis, and stops passing on. */
static struct {
	struct evconnlistener *listener;
	struct bufferevent *client, *redis;
	int port; /* Redis's */
} passage;

static void pass_on(struct bufferevent *from, void *to)
{
	bufferevent_write_buffer(to, bufferevent_get_input(from));
}

static void enter_passage(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)passage.port)};

	if (passage.client) { /* of the next attempt to connect */
		close(fd);
		return;
	}
	passage.client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	passage.redis = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	assert_int_equal(bufferevent_socket_connect(passage.redis, (struct sockaddr *)&to, sizeof to), 0);
	bufferevent_setcb(passage.client, pass_on, NULL, NULL, passage.redis);
	bufferevent_setcb(passage.redis, pass_on, NULL, NULL, passage.client);
	bufferevent_enable(passage.client, EV_READ);
	bufferevent_enable(passage.redis, EV_READ);
}

/* The URL of Redis with the passage's port in place of its own. */
static void passage_open(char url[200])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *of_redis = getenv("TEST_REDIS_TLS_URL"), *port = strrchr(of_redis, ':');
	int fd;

	memset(&passage, 0, sizeof passage);
	passage.port = atoi(port + 1);
	passage.listener = evconnlistener_new_bind(base, enter_passage, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 4,
						   (struct sockaddr *)&at, sizeof at);
	assert_non_null(passage.listener);
	fd = evconnlistener_get_fd(passage.listener);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){SHORT_BYTES}, sizeof(int)), 0);
	snprintf(url, 200, "%.*s:%d%s", (int)(port - of_redis), of_redis, port_of(fd, false), strchr(port, '/'));
}

static void passage_close(void)
{
	bufferevent_free(passage.client);
	bufferevent_free(passage.redis);
	evconnlistener_free(passage.listener);
}

static void test_a_command_that_is_encrypted_and_not_sent_when_its_time_is_over_is_never_sent(void **state)
{
	struct redis_config config = tls_config();
	char url[200], *text = long_text();
	struct answer answer;

	passage_open(url);
	config.url = url;
	config.command_timeout_ms = 1000;
	fixture_ready(&config, NULL);
	assert_int_equal(GET(&answer, "PING"), STATUS_OK);
	bufferevent_disable(passage.client, EV_READ);
	assert_int_equal(GET(&answer, "SET", "key", text), STATUS_TIMEOUT);
	passage_close();
	WAIT_FOR(fixture_kill() == 0);
	assert_int_equal(BESIDE("EXISTS", "key"), 0);
	free(text);
}

/* ---- refused ---- */

static void expect_never_ready(const struct redis_config *config)
{
	redis = redis_new(base, config, NULL, LOOP_PRIORITY_NORMAL);
	WAIT_FOR(redis->attempt >= 3);
	assert_true(redis->has_reported_loss);
	assert_false(redis_is_ready(redis));
}

static void test_a_certificate_of_another_authority_never_becomes_ready(void **state)
{
	struct identity *other = identity_new(&(struct wanted){.subject = "CN=redis", .is_authority = true}, NULL);
	struct redis_config config = tls_config();
	char path[64];

	certificates_file(path, other->pem);
	identity_free(other);
	config.ca_file = path;
	expect_never_ready(&config);
	unlink(path);
}

static void test_the_port_without_tls_never_becomes_ready(void **state)
{
	struct redis_config config = tls_config();
	char url[500];

	snprintf(url, sizeof url, "rediss%s", strstr(getenv("TEST_REDIS_URL"), "://"));
	config.url = url;
	config.connect_timeout_ms = 100; /* Redis may wait for the end of a line */
	expect_never_ready(&config);
}

static void test_the_port_with_tls_is_none_for_a_client_without(void **state)
{
	struct redis_config config = tls_config();
	char url[500];

	snprintf(url, sizeof url, "redis%s", strstr(config.url, "://"));
	config.url = url;
	config.connect_timeout_ms = 100;
	expect_never_ready(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(test_a_command_is_answered),
		REDIS_TEST(test_a_thousand_commands_in_flight_are_answered_in_order),
		REDIS_TEST(test_long_commands_and_replies_arrive_whole),
		REDIS_TEST(test_a_subscriber_gets_messages),
		REDIS_TEST(test_killed_all_in_flight_is_unavailable_and_the_next_connection_answers),
		REDIS_TEST(test_a_reply_that_is_cut_in_the_middle_is_no_answer),
		REDIS_TEST(test_freed_it_ends_tls_and_the_connection),
		REDIS_TEST(test_a_command_that_is_encrypted_and_not_sent_when_its_time_is_over_is_never_sent),
		REDIS_TEST(test_a_certificate_of_another_authority_never_becomes_ready),
		REDIS_TEST(test_the_port_without_tls_never_becomes_ready),
		REDIS_TEST(test_the_port_with_tls_is_none_for_a_client_without),
	};

	return fixture_run("redis/io_redis_tls", tests, sizeof tests / sizeof *tests);
}

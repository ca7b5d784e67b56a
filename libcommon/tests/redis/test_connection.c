/* A Redis that is given by name: which addresses are tried, and what becomes of a look-up that is late, lost or abandoned. The
 * name server and the Redis are the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "redis/redis_internal.h"
#include "tests/net/name_server.h"
#include "tests/wait_for.h"

#define LONG_MS 10000
#define SHORT_MS 100
#define CONNECTIONS_MAX 16

static struct event_base *base;
static struct redis *redis;

/* ---- a Redis that can be connected to, and no more ---- */

static struct peer {
	int fd;
	struct event *acceptable;
	bool is_silent;
	int connections[CONNECTIONS_MAX];
	int count;
	struct event *readable[CONNECTIONS_MAX];
} first, second;

/* What answers CLIENT ID and PING, which a client sends without waiting in between. */
static void answer_handshake(evutil_socket_t fd, short what, void *arg)
{
	static const char replies[] = ":1\r\n+PONG\r\n";
	char bytes[1000];

	if (read(fd, bytes, sizeof bytes) > 0)
		(void)!write(fd, replies, sizeof replies - 1);
}

static void accept_client(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	int connection = accept(fd, NULL, NULL);

	assert_true(connection >= 0 && peer->count < CONNECTIONS_MAX);
	peer->connections[peer->count] = connection;
	if (!peer->is_silent) {
		peer->readable[peer->count] = event_new(base, connection, EV_READ, answer_handshake, NULL);
		event_add(peer->readable[peer->count], NULL);
	}
	peer->count++;
}

/* port 0: any that is free. Returns the port. */
static int peer_open(struct peer *peer, const char *host, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof address;

	inet_pton(AF_INET, host, &address.sin_addr);
	*peer = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(peer->fd, 16), 0);
	assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&address, &len), 0);
	peer->acceptable = event_new(base, peer->fd, EV_READ | EV_PERSIST, accept_client, peer);
	event_add(peer->acceptable, NULL);
	return ntohs(address.sin_port);
}

static void peer_close(struct peer *peer)
{
	if (!peer->acceptable)
		return;
	event_free(peer->acceptable);
	close(peer->fd);
	for (int i = 0; i < peer->count; i++) {
		if (peer->readable[i])
			event_free(peer->readable[i]);
		close(peer->connections[i]);
	}
	*peer = (struct peer){0};
}

/* ---- around each test ---- */

static int set_up(void **state)
{
	base = loop_new();
	name_server_open(base);
	server.network = 127;
	return 0;
}

static int tear_down(void **state)
{
	redis_free(redis);
	redis = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	peer_close(&first);
	peer_close(&second);
	name_server_close();
	event_base_free(base);
	return 0;
}

static void start(const char *host, int port, long connect_timeout_ms)
{
	struct redis_config config = {.host = (char *)(uintptr_t)host,
				      .port = port,
				      .command_timeout_ms = LONG_MS,
				      .connect_timeout_ms = connect_timeout_ms,
				      .in_flight_max = 10};

	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	assert_int_equal(resolver_set_nameserver(redis->resolver, server.address), STATUS_OK);
}

static void note(void *is_over)
{
	*(bool *)is_over = true;
}

static void turn_for(long ms)
{
	bool is_over = false;
	struct loop_timer *timer = loop_timer_new(base, note, &is_over);

	loop_timer_start(timer, ms);
	WAIT_FOR(is_over);
	loop_timer_free(timer);
}

/* ---- addresses ---- */

static void test_an_address_needs_no_name_server(void **state)
{
	start("127.0.0.1", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(server.asked, 0);
}

static void test_an_address_that_refuses_is_followed_by_the_next(void **state)
{
	server.ipv4 = 3; /* 127.0.0.3 and .2 refuse */
	start("redis.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(server.asked, 2);
	assert_int_equal(first.count, 1);
	assert_false(redis->has_reported_loss);
}

static void test_an_address_that_does_not_answer_is_followed_by_the_next(void **state)
{
	int port = peer_open(&first, "127.0.0.1", 0);

	assert_int_equal(peer_open(&second, "127.0.0.2", port), port);
	second.is_silent = true;
	server.ipv4 = 2;
	start("redis.test", port, SHORT_MS);
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(second.count, 1);
	assert_int_equal(first.count, 1);
	assert_int_equal(server.asked, 2);
}

static void test_after_the_last_address_the_name_is_looked_up_again(void **state)
{
	int port = peer_open(&first, "127.0.0.1", 0);

	peer_close(&first);
	server.ipv4 = 2;
	start("redis.test", port, LONG_MS);
	WAIT_FOR(server.asked == 4);
	assert_true(redis->has_reported_loss);
	assert_int_equal(peer_open(&first, "127.0.0.2", port), port);
	WAIT_FOR(redis_is_ready(redis));
}

static void test_a_lost_connection_looks_the_name_up_again(void **state)
{
	server.ipv4 = 2;
	start("redis.test", peer_open(&first, "127.0.0.2", 0), LONG_MS);
	WAIT_FOR(redis_is_ready(redis));
	shutdown(first.connections[0], SHUT_RDWR);
	WAIT_FOR(!redis_is_ready(redis));
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(server.asked, 4);
	assert_int_equal(first.count, 2);
}

/* ---- look-ups ---- */

static void test_a_lost_datagram_opens_one_connection(void **state)
{
	server.ipv4 = 1;
	server.lost_ipv4 = 1;
	start("redis.test", peer_open(&first, "127.0.0.1", 0), SHORT_MS);
	WAIT_FOR(redis_is_ready(redis));
	turn_for(1500); /* evdns asks again after 1 s what it still waits for */
	assert_int_equal(first.count, 1);
	assert_true(redis_is_ready(redis));
}

static void test_late_answers_of_abandoned_lookups_open_no_connection(void **state)
{
	server.ipv4 = 1;
	server.is_holding = true;
	start("redis.test", peer_open(&first, "127.0.0.1", 0), SHORT_MS);
	WAIT_FOR(server.held_count >= 5); /* of the third look-up */
	name_server_answer_held();
	WAIT_FOR(redis_is_ready(redis));
	turn_for(300);
	assert_int_equal(first.count, 1);
}

static void test_a_mute_name_server_does_not_end_the_attempts(void **state)
{
	server.is_mute = true;
	start("redis.test", peer_open(&first, "127.0.0.1", 0), SHORT_MS);
	WAIT_FOR(server.asked >= 4);
	assert_true(redis->has_reported_loss);
	server.is_mute = false;
	server.ipv4 = 1;
	WAIT_FOR(redis_is_ready(redis));
}

static void free_and_turn(void)
{
	redis_free(redis);
	redis = NULL;
	turn_for(SHORT_MS);
	name_server_answer_held();
	turn_for(SHORT_MS);
	assert_int_equal(first.count, 0);
}

static void test_freeing_the_client_during_a_lookup_drops_the_lookup(void **state)
{
	server.ipv4 = 1;
	server.is_holding = true;
	start("redis.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(server.held_count == 2);
	free_and_turn();
}

static void test_freeing_the_client_between_the_answers_of_two_families_drops_the_lookup(void **state)
{
	server.ipv4 = 1;
	server.is_mute_for_ipv6 = true;
	start("redis.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(server.asked == 2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	free_and_turn();
}

static void test_freeing_the_client_right_after_the_lookup_began_drops_the_lookup(void **state)
{
	start("localhost", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	redis_connect(redis);
	assert_non_null(redis->lookup);
	free_and_turn();
}

/* ---- what the Redis sends by itself ---- */

static void test_a_message_of_a_channel_that_was_not_asked_for_ends_the_connection(void **state)
{
	static const char message[] = "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n";

	start("127.0.0.1", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(redis_is_ready(redis));
	assert_int_equal(write(first.connections[0], message, sizeof message - 1), sizeof message - 1);
	WAIT_FOR(first.count == 2 && redis_is_ready(redis));
}

#define CONNECTION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTION_TEST(test_an_address_needs_no_name_server),
		CONNECTION_TEST(test_an_address_that_refuses_is_followed_by_the_next),
		CONNECTION_TEST(test_an_address_that_does_not_answer_is_followed_by_the_next),
		CONNECTION_TEST(test_after_the_last_address_the_name_is_looked_up_again),
		CONNECTION_TEST(test_a_lost_connection_looks_the_name_up_again),
		CONNECTION_TEST(test_a_lost_datagram_opens_one_connection),
		CONNECTION_TEST(test_late_answers_of_abandoned_lookups_open_no_connection),
		CONNECTION_TEST(test_a_mute_name_server_does_not_end_the_attempts),
		CONNECTION_TEST(test_freeing_the_client_during_a_lookup_drops_the_lookup),
		CONNECTION_TEST(test_freeing_the_client_between_the_answers_of_two_families_drops_the_lookup),
		CONNECTION_TEST(test_freeing_the_client_right_after_the_lookup_began_drops_the_lookup),
		CONNECTION_TEST(test_a_message_of_a_channel_that_was_not_asked_for_ends_the_connection),
	};

	return cmocka_run_group_tests_name("test_connection", tests, NULL, NULL);
}

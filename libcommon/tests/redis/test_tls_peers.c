/* What listens at the port of a rediss:// URL and is no Redis with TLS: the client gives it up within its time limit, and tries
 * again. The real one is in io_redis_tls.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/loop.h"
#include "redis/redis_internal.h"
#include "tests/net/certificates.h"
#include "tests/wait_for.h"

#define CONNECTIONS_MAX 64

static struct event_base *base;
static struct redis *redis;
static struct redis_config config;
static char url[100], ca_file[64];

static struct {
	int fd, count, connections[CONNECTIONS_MAX];
	const char *answer; /* to the first bytes of each; NULL: none, ever */
	size_t answer_len;
	bool is_closing; /* after the answer */
	struct event *acceptable, *readable[CONNECTIONS_MAX];
} peer;

static void answer(evutil_socket_t fd, short what, void *arg)
{
	char bytes[2000];
	ssize_t len = read(fd, bytes, sizeof bytes);

	if (len > 0 && peer.answer)
		(void)!send(fd, peer.answer, peer.answer_len, MSG_NOSIGNAL);
	if (len > 0 && peer.is_closing)
		shutdown(fd, SHUT_RDWR);
}

static void accept_client(evutil_socket_t fd, short what, void *arg)
{
	int at = peer.count++;

	assert_true(at < CONNECTIONS_MAX);
	peer.connections[at] = accept(fd, NULL, NULL);
	peer.readable[at] = event_new(base, peer.connections[at], EV_READ, answer, NULL);
	event_add(peer.readable[at], NULL);
}

static int set_up(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct identity *authority = identity_new(&(struct wanted){.subject = "CN=authority", .is_authority = true}, NULL);
	socklen_t len = sizeof address;

	log_init("test", "test", LOG_ERROR);
	certificates_file(ca_file, authority->pem);
	identity_free(authority);
	base = loop_new();
	memset(&peer, 0, sizeof peer);
	peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(peer.fd, CONNECTIONS_MAX), 0);
	assert_int_equal(getsockname(peer.fd, (struct sockaddr *)&address, &len), 0);
	peer.acceptable = event_new(base, peer.fd, EV_READ | EV_PERSIST, accept_client, NULL);
	event_add(peer.acceptable, NULL);
	snprintf(url, sizeof url, "rediss://127.0.0.1:%d", ntohs(address.sin_port));
	config = (struct redis_config){
		.url = url, .ca_file = ca_file, .command_timeout_ms = 10000, .connect_timeout_ms = 10000, .in_flight_max = 10};
	return 0;
}

static int tear_down(void **state)
{
	redis_free(redis);
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (int i = 0; i < peer.count; i++) {
		event_free(peer.readable[i]);
		close(peer.connections[i]);
	}
	event_free(peer.acceptable);
	close(peer.fd);
	event_base_free(base);
	unlink(ca_file);
	return 0;
}

static void answer_with(const char *bytes, size_t len)
{
	peer.answer = bytes;
	peer.answer_len = len;
}
/* Of a literal, which may hold NULs. */
#define ANSWER_WITH(bytes) answer_with((bytes), sizeof(bytes) - 1)

static void expect_another_attempt(void)
{
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	WAIT_FOR(peer.count >= 3);
	assert_false(redis_is_ready(redis));
}

static void test_a_server_that_stalls_in_the_handshake_is_given_up_in_the_time_of_connecting(void **state)
{
	config.connect_timeout_ms = 50;
	expect_another_attempt();
}

static void test_a_server_that_stops_within_a_message_is_given_up_in_the_time_of_connecting(void **state)
{
	ANSWER_WITH("\x16\x03\x03\x40\x00\x02\x00"); /* of a record of 16 KB */
	config.connect_timeout_ms = 50;
	expect_another_attempt();
}

static void test_a_redis_without_tls_is_given_up_at_once(void **state)
{
	ANSWER_WITH("-ERR unknown command\r\n");
	expect_another_attempt();
}

static void test_a_server_that_closes_in_the_handshake_is_given_up_at_once(void **state)
{
	peer.is_closing = true;
	expect_another_attempt();
}

static void test_a_server_that_refuses_by_an_alert_is_given_up_at_once(void **state)
{
	ANSWER_WITH("\x15\x03\x03\x00\x02\x02\x28"); /* fatal, handshake_failure */
	expect_another_attempt();
}

static void test_a_file_of_authorities_that_appears_later_is_read_then(void **state)
{
	char hidden[80];

	snprintf(hidden, sizeof hidden, "%s.hidden", ca_file);
	assert_int_equal(rename(ca_file, hidden), 0);
	redis = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	WAIT_FOR(peer.count >= 2);
	assert_null(redis->trust);
	assert_int_equal(rename(hidden, ca_file), 0);
	WAIT_FOR(redis->trust);
}

#define PEER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(test_a_server_that_stalls_in_the_handshake_is_given_up_in_the_time_of_connecting),
		PEER_TEST(test_a_server_that_stops_within_a_message_is_given_up_in_the_time_of_connecting),
		PEER_TEST(test_a_redis_without_tls_is_given_up_at_once),
		PEER_TEST(test_a_server_that_closes_in_the_handshake_is_given_up_at_once),
		PEER_TEST(test_a_server_that_refuses_by_an_alert_is_given_up_at_once),
		PEER_TEST(test_a_file_of_authorities_that_appears_later_is_read_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

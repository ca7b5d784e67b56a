/* A Postgres that is given by name: which addresses are tried, and what becomes of a look-up that is late, lost or abandoned.
 * The name server and the Postgres are the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "postgres/postgres_internal.h"
#include "tests/net/name_server.h"
#include "tests/wait_for.h"

#define LONG_MS 10000
#define SHORT_MS 300
#define CONNECTIONS_MAX 16

static struct event_base *base;
static struct postgres *postgres;
static char url[200];

/* ---- a Postgres that takes connections and settings, and no more ---- */

static struct peer {
	int fd;
	struct event *acceptable;
	bool is_silent;
	int connections[CONNECTIONS_MAX];
	int count;
	struct event *readable[CONNECTIONS_MAX];
} first, second;

/* A start-up message, unlike all others, begins with its length. */
static void answer(evutil_socket_t fd, short what, void *arg)
{
	static const char welcome[] = "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
	static const char done[] = "1\0\0\0\x04"
				   "2\0\0\0\x04"
				   "T\0\0\0\x06\0\0"
				   "D\0\0\0\x06\0\0"
				   "C\0\0\0\x0dSELECT 1\0"
				   "Z\0\0\0\x05I";
	char bytes[4000];
	ssize_t len = read(fd, bytes, sizeof bytes);

	if (len > 0 && bytes[0] == 0)
		assert_int_equal(write(fd, welcome, sizeof welcome - 1), sizeof welcome - 1);
	else if (len > 0 && bytes[0] == 'P')
		assert_int_equal(write(fd, done, sizeof done - 1), sizeof done - 1);
	else if (len <= 0)
		event_del(arg);
}

static void accept_client(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	int connection = accept(fd, NULL, NULL);

	assert_true(connection >= 0 && peer->count < CONNECTIONS_MAX);
	peer->connections[peer->count] = connection;
	if (!peer->is_silent) {
		peer->readable[peer->count] = event_new(base, connection, EV_READ | EV_PERSIST, answer, event_self_cbarg());
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
	assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
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
	unsetenv("PGHOST");
	unsetenv("PGHOSTADDR");
	base = loop_new();
	name_server_open(base);
	server.network = 127;
	return 0;
}

static int tear_down(void **state)
{
	postgres_free(postgres);
	postgres = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	peer_close(&first);
	peer_close(&second);
	name_server_close();
	event_base_free(base);
	return 0;
}

static void start(const char *host, int port, long connect_timeout_ms)
{
	static const struct postgres_statement *const none[] = {NULL};
	struct postgres_config config = {.url = url,
					 .connections = 1,
					 .in_flight_max = 10,
					 .query_timeout_ms = LONG_MS,
					 .connect_timeout_ms = connect_timeout_ms,
					 .prepares = true};

	snprintf(url, sizeof url, "postgres://anna@%s:%d/none?sslmode=disable&gssencmode=disable", host, port);
	postgres = postgres_new(base, &config, none);
	assert_int_equal(resolver_set_nameserver(postgres->resolver, server.address), STATUS_OK);
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

/* ---- which hosts are looked up ---- */

static void expect_host(const char *of_url, const char *host)
{
	struct postgres_config config = {.url = (char *)(uintptr_t)of_url};
	char *found = postgres_config_host(&config);

	if (host ? !found || strcmp(found, host) != 0 : found != NULL)
		fail_msg("%s: %s in place of %s", of_url ? of_url : "no URL", found ? found : "none", host ? host : "none");
	free(found);
}

static void test_only_a_single_name_is_looked_up(void **state)
{
	expect_host("postgres://anna@postgres.test/a", "postgres.test");
	expect_host("postgres://anna@postgres.test:5433/a?sslmode=verify-full", "postgres.test");
	expect_host("postgres://anna@/a?host=postgres.test", "postgres.test");
	expect_host("postgres://anna@127.0.0.1/a", NULL);
	expect_host("postgres://anna@[::1]/a", NULL);
	expect_host("postgres://anna@[fe80::1%25lo]/a", NULL);
	expect_host("postgres://anna@%2Frun%2Fpostgresql/a", NULL);
	expect_host("postgres://anna@one.test,two.test/a", NULL);
	expect_host("postgres://anna@postgres.test/a?hostaddr=127.0.0.1", NULL);
	expect_host("postgres:///a", NULL);
	expect_host(NULL, NULL);
}

static void test_the_host_may_be_named_by_the_environment(void **state)
{
	setenv("PGHOST", "environment.test", 1);
	expect_host(NULL, "environment.test");
	expect_host("postgres:///a", "environment.test");
	expect_host("postgres://postgres.test/a", "postgres.test");
	setenv("PGHOSTADDR", "127.0.0.1", 1);
	expect_host(NULL, NULL);
}

/* ---- addresses ---- */

static void test_an_address_needs_no_name_server(void **state)
{
	start("127.0.0.1", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(server.asked, 0);
}

static void test_what_libpq_cannot_connect_to_is_lost_and_tried_again(void **state)
{
	start("127.0.0.1", 99999, LONG_MS);
	WAIT_FOR(postgres->connections[0].attempt >= 2);
	assert_true(postgres->connections[0].has_reported_loss);
	assert_false(postgres_is_ready(postgres));
}

static void test_an_address_that_refuses_is_followed_by_the_next(void **state)
{
	server.ipv4 = 3; /* 127.0.0.3 and .2 refuse */
	start("postgres.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(server.asked, 2);
	assert_int_equal(first.count, 1);
	assert_false(postgres->connections[0].has_reported_loss);
}

static void test_an_address_that_does_not_answer_is_followed_by_the_next(void **state)
{
	int port = peer_open(&first, "127.0.0.1", 0);

	assert_int_equal(peer_open(&second, "127.0.0.2", port), port);
	second.is_silent = true;
	server.ipv4 = 2;
	start("postgres.test", port, SHORT_MS);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_true(second.count >= 1);
	assert_true(first.count >= 1);
}

static void test_after_the_last_address_the_name_is_looked_up_again(void **state)
{
	int port = peer_open(&first, "127.0.0.1", 0);

	peer_close(&first);
	server.ipv4 = 2;
	start("postgres.test", port, LONG_MS);
	WAIT_FOR(server.asked == 4);
	assert_true(postgres->connections[0].has_reported_loss);
	assert_int_equal(peer_open(&first, "127.0.0.2", port), port);
	WAIT_FOR(postgres_is_ready(postgres));
}

static void test_a_lost_connection_looks_the_name_up_again(void **state)
{
	server.ipv4 = 2;
	start("postgres.test", peer_open(&first, "127.0.0.2", 0), LONG_MS);
	WAIT_FOR(postgres_is_ready(postgres));
	shutdown(first.connections[0], SHUT_RDWR);
	WAIT_FOR(!postgres_is_ready(postgres));
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(server.asked, 4);
	assert_int_equal(first.count, 2);
}

/* ---- look-ups ---- */

static void test_while_a_name_is_looked_up_the_loop_goes_on(void **state)
{
	server.is_mute = true;
	start("postgres.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(server.asked > 0); /* the name server is on the same loop */
	assert_non_null(postgres->connections[0].lookup);
}

static void test_late_answers_of_abandoned_lookups_open_no_connection(void **state)
{
	server.ipv4 = 1;
	server.is_holding = true;
	start("postgres.test", peer_open(&first, "127.0.0.1", 0), SHORT_MS);
	WAIT_FOR(server.held_count >= 5); /* of the third look-up */
	postgres->config.connect_timeout_ms = LONG_MS;
	name_server_answer_held();
	WAIT_FOR(postgres_is_ready(postgres));
	turn_for(300);
	assert_int_equal(first.count, 1);
}

static void test_a_name_server_that_fails_does_not_end_the_attempts(void **state)
{
	server.rcode = RCODE_NXDOMAIN;
	start("postgres.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(postgres->connections[0].has_reported_loss);
	server.rcode = 0;
	server.ipv4 = 1;
	WAIT_FOR(postgres_is_ready(postgres));
}

static void test_freeing_the_client_during_a_lookup_drops_the_lookup(void **state)
{
	server.ipv4 = 1;
	server.is_holding = true;
	start("postgres.test", peer_open(&first, "127.0.0.1", 0), LONG_MS);
	WAIT_FOR(server.held_count == 2);
	postgres_free(postgres);
	postgres = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	name_server_answer_held();
	turn_for(SHORT_MS);
	assert_int_equal(first.count, 0);
}

#define LOOKUP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOKUP_TEST(test_only_a_single_name_is_looked_up),
		LOOKUP_TEST(test_the_host_may_be_named_by_the_environment),
		LOOKUP_TEST(test_an_address_needs_no_name_server),
		LOOKUP_TEST(test_what_libpq_cannot_connect_to_is_lost_and_tried_again),
		LOOKUP_TEST(test_an_address_that_refuses_is_followed_by_the_next),
		LOOKUP_TEST(test_an_address_that_does_not_answer_is_followed_by_the_next),
		LOOKUP_TEST(test_after_the_last_address_the_name_is_looked_up_again),
		LOOKUP_TEST(test_a_lost_connection_looks_the_name_up_again),
		LOOKUP_TEST(test_while_a_name_is_looked_up_the_loop_goes_on),
		LOOKUP_TEST(test_late_answers_of_abandoned_lookups_open_no_connection),
		LOOKUP_TEST(test_a_name_server_that_fails_does_not_end_the_attempts),
		LOOKUP_TEST(test_freeing_the_client_during_a_lookup_drops_the_lookup),
	};

	return cmocka_run_group_tests_name("test_lookup", tests, NULL, NULL);
}

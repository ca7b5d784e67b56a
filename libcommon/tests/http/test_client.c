/* Calls to peers on the same loop: how they fail, and that each is answered once and never after its scope was cancelled. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/http/client_fixture.h"

#define MANY 200

#define URL_BYTES 200

/* Of a port that listens no more. */
static void refused_url(char url[URL_BYTES])
{
	peer_open(&peer, PEER_CLOSES, "");
	snprintf(url, URL_BYTES, "%s", url_of(&peer, "/"));
	peer_close(&peer);
	peer.listener = NULL;
}

static void test_a_refused_connection_is_unavailable(void **state)
{
	char url[URL_BYTES];

	refused_url(url);
	ask(&answer, url, LONG_MS);
	WAIT_FOR(answer.is_there);
	assert_unavailable("the connection was refused");
}

static void test_a_peer_that_closes_without_an_answer_is_unavailable(void **state)
{
	get_from(PEER_CLOSES, "");
	assert_unavailable("the connection was closed without an answer");
}

static void hold_up_the_loop(evutil_socket_t fd, short what, void *ms)
{
	int64_t end_us = clock_monotonic_us() + *(int *)ms * 1000LL;

	while (clock_monotonic_us() < end_us)
		;
}

/* The loop is held up until both are due, once it has begun to connect. */
static void test_a_refusal_and_the_time_limit_in_one_turn_end_the_call_once(void **state)
{
	const struct timeval at_once = {0};
	int ms = SHORT_MS + 1;
	char url[URL_BYTES];

	refused_url(url);
	ask(&answer, url, SHORT_MS);
	event_base_once(base, -1, EV_TIMEOUT, hold_up_the_loop, &ms, &at_once);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_TIMEOUT);
}

/* ---- the law of asynchronous calls ---- */

static void test_a_cancelled_scope_gets_no_callback_and_another_scope_gets_all(void **state)
{
	struct scope other;
	struct answer cancelled = {0};

	scope_init(&other);
	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	http_client_get(client, &other, url_of(&peer, "/"), LONG_MS, BODY_MAX, answered, &cancelled);
	ask(&answer, url_of(&peer, "/"), LONG_MS);
	scope_cancel(&other);
	WAIT_FOR(answer.is_there);
	assert_ok(200, "ready");
	assert_false(cancelled.is_there);
}

static void test_a_call_cancelled_while_it_waits_is_abandoned_at_the_next_byte(void **state)
{
	peer_open(&peer, PEER_DRIPS, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n");
	ask(&answer, url_of(&peer, "/"), LONG_MS);
	WAIT_FOR(peer.request[0]);
	scope_cancel(&scope);
	WAIT_FOR(peer.gone == 1);
	assert_true(peer.dripped < 500); /* of 999 bytes */
	assert_false(answer.is_there);
}

static void test_freeing_with_calls_in_flight_runs_no_callback(void **state)
{
	static struct answer in_flight[3];

	peer_open(&peer, PEER_STAYS, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	ask(&in_flight[0], url_of(&peer, "/"), LONG_MS);
	WAIT_FOR(peer.request[0]);
	ask(&in_flight[1], url_of(&peer, "/"), LONG_MS);
	ask(&in_flight[2], "not a url", LONG_MS);
	http_client_free(client);
	client = NULL;
	WAIT_FOR(peer.gone == 1);
	for (int i = 0; i < 3; i++)
		assert_false(in_flight[i].is_there);
	assert_true(scope_is_idle(&scope));
}

static void free_client(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	answered(status, response, reason, arg);
	http_client_free(client);
	client = NULL;
	assert_true(scope_is_idle(&scope)); /* so the caller may free it now */
}

static void test_a_callback_may_free_the_client(void **state)
{
	struct answer first = {0};

	http_client_get(client, &scope, "not a url", LONG_MS, BODY_MAX, free_client, &first);
	ask(&answer, "not a url", LONG_MS);
	WAIT_FOR(first.is_there);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(answer.is_there);
}

static void ask_again(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	answered(status, response, reason, arg);
	ask(&answer, url_of(&peer, "/"), LONG_MS);
}

static void test_a_callback_may_make_the_next_call(void **state)
{
	struct answer first = {0};

	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	http_client_get(client, &scope, url_of(&peer, "/"), LONG_MS, BODY_MAX, ask_again, &first);
	WAIT_FOR(answer.is_there);
	assert_ok(200, "ready");
	assert_int_equal(peer.accepted, 2);
}

static void test_two_hundred_calls_at_once_are_each_answered(void **state)
{
	static struct answer many[MANY];
	unsigned there = 0;

	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	for (int i = 0; i < MANY; i++)
		ask(&many[i], url_of(&peer, "/"), LONG_MS);
	for (int i = 0; i < MANY; i++) {
		WAIT_FOR(many[i].is_there);
		there += many[i].status == STATUS_OK;
	}
	assert_int_equal(there, MANY);
	assert_int_equal(peer.accepted, MANY);
}

static void test_without_calls_in_flight_the_loop_has_no_event(void **state)
{
	int before = event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);

	get_from(PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	WAIT_FOR(peer.gone == 1);
	peer_close(&peer);
	peer.listener = NULL;
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_a_refused_connection_is_unavailable),
		CLIENT_TEST(test_a_peer_that_closes_without_an_answer_is_unavailable),
		CLIENT_TEST(test_a_refusal_and_the_time_limit_in_one_turn_end_the_call_once),
		CLIENT_TEST(test_a_cancelled_scope_gets_no_callback_and_another_scope_gets_all),
		CLIENT_TEST(test_a_call_cancelled_while_it_waits_is_abandoned_at_the_next_byte),
		CLIENT_TEST(test_freeing_with_calls_in_flight_runs_no_callback),
		CLIENT_TEST(test_a_callback_may_free_the_client),
		CLIENT_TEST(test_a_callback_may_make_the_next_call),
		CLIENT_TEST(test_two_hundred_calls_at_once_are_each_answered),
		CLIENT_TEST(test_without_calls_in_flight_the_loop_has_no_event),
	};

	return cmocka_run_group_tests_name("test_client", tests, NULL, NULL);
}

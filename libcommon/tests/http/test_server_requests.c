/* The life of a request: it is answered once or its client has left; who may ask; many on one connection. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/http/server_fixture.h"

/* ---- the life of a request ---- */

static void start_slow(void)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "\r\n");
	WAIT_FOR(slow.req);
}

static void test_a_later_reply_is_one_answer_and_ends_its_request(void **state)
{
	start_slow();
	assert_int_equal(http_server_in_flight(server), 1);
	say_hello(slow.req);
	assert_int_equal(slow.dropped, 1);
	assert_false(op_end(&slow.op));
	raw_send(&raw, LAST);
	WAIT_FOR(raw.is_closed);
	assert_int_equal(raw_count(&raw, "HTTP/1.1 200 "), 2);
	assert_int_equal(slow.dropped, 1);
	assert_int_equal(http_server_in_flight(server), 0);
}

static void drop_text(void *memory)
{
	buf_free(memory);
}

static void test_a_later_reply_may_lie_in_the_request_s_own_memory(void **state)
{
	struct buf *text;

	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "Connection: close\r\n\r\n");
	WAIT_FOR(slow.req);
	text = http_request_alloc(slow.req, sizeof *text, drop_text);
	buf_text(text, "from memory that ends with the request");
	http_reply_buf(slow.req, 200, text);
	WAIT_FOR(raw.is_closed);
	assert_code(200);
	assert_body("from memory that ends with the request");
}

static void test_a_client_that_leaves_cancels_its_scope_and_drops_once(void **state)
{
	start_slow();
	raw_reset(&raw);
	WAIT_FOR(!slow.req);
	assert_false(op_end(&slow.op));
	get("/hello", "");
	assert_code(200);
	assert_int_equal(slow.dropped, 1);
	assert_int_equal(http_server_in_flight(server), 0);
}

static void test_a_client_that_leaves_with_more_requests_sent_is_noticed_too(void **state)
{
	start_slow();
	raw_send(&raw, LAST);
	WAIT_FOR(evbuffer_get_length(bufferevent_get_output(raw.bev)) == 0);
	raw_reset(&raw);
	WAIT_FOR(slow.dropped == 1);
	assert_false(op_end(&slow.op));
}

/* RFC 9112 §9.6: "printf 'GET …' | nc -N". */
static void test_a_client_that_has_shut_its_side_gets_its_late_answer(void **state)
{
	start_slow();
	shutdown(bufferevent_getfd(raw.bev), SHUT_WR);
	for (int i = 0; i < 5; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_non_null(slow.req);
	say_hello(slow.req);
	WAIT_FOR(raw.is_closed);
	assert_code(200);
	assert_body("hello");
}

static void test_a_client_that_has_shut_its_side_gets_all_pipelined_answers(void **state)
{
	start_slow();
	raw_send(&raw, SENT("GET /hello") "\r\n" SENT("GET /query?name=last") "\r\n");
	WAIT_FOR(evbuffer_get_length(bufferevent_get_output(raw.bev)) == 0);
	shutdown(bufferevent_getfd(raw.bev), SHUT_WR);
	say_hello(slow.req);
	WAIT_FOR(raw.is_closed);
	assert_int_equal(raw_count(&raw, "HTTP/1.1 200 "), 3);
	assert_has(&raw, "\r\n\r\nlast");
}

static void test_a_proxy_that_closes_has_lost_its_client(void **state)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "X-Forwarded-For: 1.2.3.4\r\n\r\n");
	WAIT_FOR(slow.req);
	raw_leave(&raw);
	WAIT_FOR(slow.dropped == 1);
	assert_false(op_end(&slow.op));
	assert_int_equal(http_server_in_flight(server), 0);
}

static void test_a_reply_to_a_client_that_has_just_left_harms_nothing(void **state)
{
	start_slow();
	raw_leave(&raw);
	say_large(slow.req);
	WAIT_FOR(http_server_in_flight(server) == 0);
	assert_int_equal(slow.dropped, 1);
	get("/hello", "");
	assert_code(200);
}

static void test_a_client_that_leaves_in_the_middle_of_its_reply_harms_nothing(void **state)
{
	connect_to_server();
	for (int i = 0; i < 50; i++)
		raw_send(&raw, SENT("GET /large") "\r\n");
	WAIT_FOR(raw.got.len > 0);
	raw_leave(&raw);
	WAIT_FOR(http_server_in_flight(server) == 0);
	get("/hello", "");
	assert_code(200);
}

static void test_a_handler_over_its_deadline_is_answered_504_and_cancelled(void **state)
{
	struct http_config config = server_config();

	config.deadline_ms = DEADLINE_MS;
	server_replace(&config);
	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "Connection: close\r\n\r\n");
	WAIT_FOR(raw.is_closed);
	assert_code(504);
	assert_has(&raw, "\"timeout\"");
	assert_int_equal(slow.dropped, 1);
	assert_false(op_end(&slow.op));
}

static void test_freeing_the_server_drops_what_is_in_flight(void **state)
{
	start_slow();
	http_server_free(server);
	server = NULL;
	assert_int_equal(slow.dropped, 1);
	assert_false(op_end(&slow.op));
}

/* ---- connections ---- */

static void test_a_connection_is_kept_for_the_next_request(void **state)
{
	connect_to_server();
	for (unsigned i = 1; i <= 3; i++) {
		raw_send(&raw, SENT("GET /hello") "\r\n");
		WAIT_FOR(raw_count(&raw, "hello") == i);
	}
	assert_false(raw.is_closed);
	assert_has_not(&raw, "Connection: close");
}

static void test_pipelined_requests_are_answered_in_their_order(void **state)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "X-Request-ID: one\r\n\r\n" SENT("GET /hello") "X-Request-ID: two\r\n\r\n" SENT(
			       "GET /query?name=last") "X-Request-ID: three\r\nConnection: close\r\n\r\n");
	WAIT_FOR(slow.req);
	assert_string_equal(raw.got.bytes, "");
	reply_text(slow.req, "slow");
	WAIT_FOR(raw.is_closed);
	assert_int_equal(raw_count(&raw, "HTTP/1.1 200 "), 3);
	assert_true(strstr(raw.got.bytes, "ID: one") < strstr(raw.got.bytes, "ID: two"));
	assert_true(strstr(raw.got.bytes, "ID: two") < strstr(raw.got.bytes, "ID: three"));
}

static void test_pipelined_requests_beyond_the_buffer_wait_in_the_kernel(void **state)
{
	enum { COUNT = 1000 };

	start_slow();
	for (int i = 0; i < COUNT; i++)
		raw_send(&raw, SENT("GET /hello") "\r\n");
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_non_null(slow.req);
	assert_string_equal(raw.got.bytes, "");
	say_hello(slow.req);
	WAIT_FOR(raw_count(&raw, "HTTP/1.1 200 ") == COUNT + 1);
	raw_send(&raw, LAST);
	WAIT_FOR(raw.is_closed);
	assert_int_equal(raw_count(&raw, "HTTP/1.1 200 "), COUNT + 2);
}

static void test_a_request_that_comes_byte_by_byte_is_answered(void **state)
{
	connect_to_server();
	for (const char *at = LAST; *at; at++) {
		raw_send_bytes(&raw, at, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	WAIT_FOR(raw.is_closed);
	assert_code(200);
}

static void test_the_remote_address_is_the_right_most_that_is_not_a_proxy(void **state)
{
	get("/remote", "");
	assert_body("127.0.0.1");
	get("/remote", "X-Forwarded-For: 6.6.6.6, 10.1.2.3, 127.0.0.9\r\n");
	assert_body("10.1.2.3");
	get("/remote", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 10.1.2.3\r\n");
	assert_body("10.1.2.3");
}

/* ---- tokens ---- */

static bool wants_to_wait;

static void authenticate(struct http_request *req)
{
	const char *token = http_request_header(req, "Authorization");

	if (!token) {
		http_reply_fail(req, 401, "token_missing", "No.");
		return;
	}
	http_request_set_user(req, atoi(token));
	if (wants_to_wait)
		begin_slowly(req);
	else
		http_request_proceed(req);
}

static void test_a_route_that_wants_a_token_is_reached_through_authentication_only(void **state)
{
	http_server_set_auth(server, authenticate);
	wants_to_wait = false;
	get("/token", "");
	assert_code(401);
	get("/token", "Authorization: 7\r\n");
	assert_body("user 7");
	get("/hello", "");
	assert_code(200);
}

static void test_authentication_may_take_its_time(void **state)
{
	http_server_set_auth(server, authenticate);
	wants_to_wait = true;
	connect_to_server();
	raw_send(&raw, SENT("GET /token") "Connection: close\r\nAuthorization: 7\r\n\r\n");
	WAIT_FOR(slow.req);
	assert_string_equal(raw.got.bytes, "");
	http_request_proceed(slow.req);
	WAIT_FOR(raw.is_closed);
	assert_body("user 7");
	assert_int_equal(slow.dropped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_a_later_reply_is_one_answer_and_ends_its_request),
		SERVER_TEST(test_a_later_reply_may_lie_in_the_request_s_own_memory),
		SERVER_TEST(test_a_client_that_leaves_cancels_its_scope_and_drops_once),
		SERVER_TEST(test_a_client_that_leaves_with_more_requests_sent_is_noticed_too),
		SERVER_TEST(test_a_client_that_has_shut_its_side_gets_its_late_answer),
		SERVER_TEST(test_a_client_that_has_shut_its_side_gets_all_pipelined_answers),
		SERVER_TEST(test_a_proxy_that_closes_has_lost_its_client),
		SERVER_TEST(test_a_reply_to_a_client_that_has_just_left_harms_nothing),
		SERVER_TEST(test_a_client_that_leaves_in_the_middle_of_its_reply_harms_nothing),
		SERVER_TEST(test_a_handler_over_its_deadline_is_answered_504_and_cancelled),
		SERVER_TEST(test_freeing_the_server_drops_what_is_in_flight),
		SERVER_TEST(test_a_connection_is_kept_for_the_next_request),
		SERVER_TEST(test_pipelined_requests_are_answered_in_their_order),
		SERVER_TEST(test_pipelined_requests_beyond_the_buffer_wait_in_the_kernel),
		SERVER_TEST(test_a_request_that_comes_byte_by_byte_is_answered),
		SERVER_TEST(test_the_remote_address_is_the_right_most_that_is_not_a_proxy),
		SERVER_TEST(test_a_route_that_wants_a_token_is_reached_through_authentication_only),
		SERVER_TEST(test_authentication_may_take_its_time),
	};

	return cmocka_run_group_tests_name("test_server_requests", tests, NULL, NULL);
}

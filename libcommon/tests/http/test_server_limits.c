/* What a peer can not do: make two readers disagree on where a request ends, or exceed its share of memory, time and
 * connections; and draining. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/server_internal.h"
#include "tests/http/server_fixture.h"

#define SMUGGLED SENT("GET /query?name=smuggled") "X-Request-ID: smuggled\r\n\r\n"
#define POST SENT("POST /json") "Content-Type: application/json\r\n"
#define BODY "{\"name\":\"ada\"}" /* 14 bytes */

/* ---- framing ---- */

static void assert_refused(const char *head, const char *body)
{
	exchange(head, body);
	assert_has_not(&raw, "smuggled");
	if (raw_count(&raw, "HTTP/1.1 ") > 1)
		fail_msg("answered twice: %s%s\n%s", head, body, raw.got.bytes);
	assert_int_equal(raw_count(&raw, "HTTP/1.1 4") + raw_count(&raw, "HTTP/1.1 505 "), 1);
}

static void test_a_body_where_none_belongs_is_refused(void **state)
{
	assert_refused(SENT("HEAD /hello") "Content-Length: 60\r\n\r\n", SMUGGLED);
	assert_code(400);
	assert_refused(SENT("HEAD /hello") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", SMUGGLED);
	assert_code(400);
	assert_refused(SENT("TRACE /hello") "Content-Length: 60\r\n\r\n", SMUGGLED);
	assert_refused(SENT("CONNECT /hello") "Content-Length: 60\r\n\r\n", SMUGGLED);
	assert_refused(SENT("CONNECT a:80") "Content-Length: 60\r\n\r\n", SMUGGLED);
}

static void test_a_connect_that_asks_for_an_end_gets_it(void **state)
{
	exchange(SENT("CONNECT a:80") "Connection: close\r\n\r\n", SMUGGLED);
	assert_code(404);
}

static void test_an_unsound_length_is_refused(void **state)
{
	static const char *const heads[] = {
		POST "Content-Length: 14\r\nContent-Length: 3\r\n\r\n",
		POST "Content-Length: 14\r\nContent-Length: 14\r\n\r\n",
		POST "Content-Length: 14\r\ncontent-length: 3\r\n\r\n",
		POST "Content-Length: 14, 14\r\n\r\n",
		POST "Content-Length: +14\r\n\r\n",
		POST "Content-Length: -1\r\n\r\n",
		POST "Content-Length: 0xe\r\n\r\n",
		POST "Content-Length: 14x\r\n\r\n",
		POST "Content-Length:\r\n\r\n",
		POST "Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
		POST "Transfer-Encoding: identity\r\n\r\n",
		POST "Transfer-Encoding: xchunked\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding : chunked\r\n\r\n",
		POST "Content-Length : 14\r\n\r\n",
		POST "Content-Length\t: 14\r\n\r\n",
		POST "Content-Length: 1\r\n 4\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_refused(heads[i], BODY SMUGGLED);
}

static void test_a_header_name_that_is_no_token_is_refused(void **state)
{
	assert_refused(SENT("GET /hello") "X Y: z\r\n\r\n", SMUGGLED);
	assert_code(400);
	assert_refused(SENT("GET /hello") "X\x01Y: z\r\n\r\n", SMUGGLED);
	assert_code(400);
	assert_refused(SENT("GET /hello") "X(Y): z\r\n\r\n", SMUGGLED);
	assert_code(400);
}

static void test_anything_but_one_host_is_refused(void **state)
{
	assert_refused("GET /hello HTTP/1.1\r\n\r\n", SMUGGLED);
	assert_code(400);
	assert_refused("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", SMUGGLED);
	assert_code(400);
}

static void test_garbage_is_refused_and_harms_nobody(void **state)
{
	assert_refused("GET\r\n\r\n", "");
	assert_refused("\x16\x03\x01\x02 \x01\x01\xfc\r\n\r\n", "");
	assert_refused("GET /hello HTTP/9.9\r\n\r\n", "");
	assert_refused("GET /hello HTTP/1.1\r\nno colon\r\n\r\n", "");
	get("/hello", "");
	assert_code(200);
}

/* ---- size ---- */

static void post_of(size_t len)
{
	char head[200], *body = mem_alloc(len + 1);

	memset(body, ' ', len);
	memcpy(body, BODY, strlen(BODY));
	snprintf(head, sizeof head, POST "Connection: close\r\nContent-Length: %zu\r\n\r\n", len);
	exchange(head, body);
	free(body);
}

static void test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413(void **state)
{
	post_of(BODY_MAX);
	assert_code(200);
	post_of(BODY_MAX + 1);
	assert_code(413);
	assert_has(&raw, "\"body_too_large\"");
	assert_has(&raw, "Connection: close\r\n");
}

static void test_a_body_far_over_the_limit_is_not_waited_for(void **state)
{
	exchange(POST "Content-Length: 2147483648\r\n\r\n", BODY);
	assert_code(413);
}

static void test_chunks_over_the_limit_are_413(void **state)
{
	char body[4 * BODY_MAX];
	size_t len = 0;

	for (int i = 0; i < BODY_MAX + 1; i += 25)
		len += (size_t)sprintf(body + len, "19\r\n%025d\r\n", 0);
	sprintf(body + len, "0\r\n\r\n");
	exchange(POST "Transfer-Encoding: chunked\r\n\r\n", body);
	assert_code(413);
}

static void test_a_head_over_the_limit_is_refused(void **state)
{
	char head[HEADER_MAX + 200];

	snprintf(head, sizeof head, SENT("GET /hello") "X-Long: %0*d\r\n\r\n", HEADER_MAX, 0);
	exchange(head, SMUGGLED);
	assert_has_not(&raw, " 200 ");
}

static void test_an_endless_line_is_neither_kept_nor_waited_for(void **state)
{
	static const char *const starts[] = {"GET /",
					     SENT("GET /hello") "X-Endless: ", POST "Transfer-Encoding: chunked\r\n\r\n"};
	struct http_config config = server_config();
	size_t len = 16 << 20;
	char *zeros = mem_alloc(len);

	memset(zeros, '0', len);
	config.read_timeout_s = 1;
	server_replace(&config);
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		connect_to_server();
		raw_send(&raw, starts[i]);
		raw_send_bytes(&raw, zeros, len);
		WAIT_FOR(raw.is_closed);
		assert_true(evbuffer_get_length(bufferevent_get_output(raw.bev)) > len / 2); /* not taken */
		assert_has_not(&raw, " 200 ");
	}
	free(zeros);
}

/* ---- time ---- */

static void send_a_byte(evutil_socket_t fd, short what, void *arg)
{
	raw_send(&raw, "a"); /* which keeps every time-out for inactivity away */
}

static void test_a_request_that_takes_too_long_to_arrive_is_ended(void **state)
{
	struct http_config config = server_config();
	struct event *beat = event_new(base, -1, EV_PERSIST, send_a_byte, NULL);

	config.read_timeout_s = 1;
	server_replace(&config);
	connect_to_server();
	raw_send(&raw, SENT("GET /hello"));
	event_add(beat, &(struct timeval){.tv_usec = 5000});
	WAIT_FOR(raw.is_closed);
	event_free(beat);
	assert_string_equal(raw.got.bytes, "");
}

/* ---- connections ---- */

static void test_one_connection_too_many_closes_the_longest_idle(void **state)
{
	struct raw others[CONNECTIONS_MAX];

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		raw_open(&others[i], http_server_port(server));
		raw_send(&others[i], SENT("GET /hello") "\r\n");
		WAIT_FOR(raw_has(&others[i], "hello"));
	}
	raw_send(&others[0], SENT("GET /hello") "\r\n"); /* now others[1] is */
	WAIT_FOR(raw_count(&others[0], "hello") == 2);
	get("/hello", "");
	assert_code(200);
	WAIT_FOR(others[1].is_closed);
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		assert_int_equal(others[i].is_closed, i == 1);
		raw_leave(&others[i]);
	}
}

static void test_a_connection_at_work_is_not_closed_for_a_new_one(void **state)
{
	struct raw others[CONNECTIONS_MAX];

	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		raw_open(&others[i], http_server_port(server));
		raw_send(&others[i], SENT("GET /slow") "\r\n");
		WAIT_FOR(slow.begun == i + 1);
		op_end(&slow.op);
	}
	exchange("", "");
	assert_string_equal(raw.got.bytes, "");
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		assert_false(others[i].is_closed);
		raw_reset(&others[i]);
	}
	WAIT_FOR(slow.dropped == CONNECTIONS_MAX);
}

/* ---- the end ---- */

static unsigned drained;

static void count_drained(void *arg)
{
	drained++;
}

static void drain(void)
{
	drained = 0;
	http_server_drain(server, count_drained, NULL);
	assert_int_equal(drained, 0);
}

static void test_draining_closes_idle_connections_and_says_so_once(void **state)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /hello") "\r\n");
	WAIT_FOR(raw_has(&raw, "hello"));
	drain();
	WAIT_FOR(raw.is_closed);
	WAIT_FOR(drained);
	for (int i = 0; i < 5; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(drained, 1);
}

static void test_draining_waits_for_the_reply_and_closes_after_it(void **state)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /slow") "\r\n");
	WAIT_FOR(slow.req);
	drain();
	for (int i = 0; i < 5; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(drained, 0);
	say_hello(slow.req);
	WAIT_FOR(raw.is_closed);
	assert_code(200);
	assert_has(&raw, "Connection: close\r\n");
	WAIT_FOR(drained == 1);
}

static void test_draining_lets_a_request_that_has_begun_arrive(void **state)
{
	connect_to_server();
	raw_send(&raw, SENT("GET /hello"));
	WAIT_FOR(evbuffer_get_length(bufferevent_get_output(raw.bev)) == 0);
	for (int i = 0; i < 5; i++) /* until the server has read it */
		event_base_loop(base, EVLOOP_ONCE);
	drain();
	raw_send(&raw, "\r\n");
	WAIT_FOR(raw.is_closed);
	assert_code(200);
	assert_has(&raw, "Connection: close\r\n");
}

static void test_draining_takes_no_new_connection(void **state)
{
	int port = http_server_port(server);

	drain();
	raw_open(&raw, port);
	raw_send(&raw, LAST);
	WAIT_FOR(raw.is_closed);
	assert_string_equal(raw.got.bytes, "");
}

/* ---- memory ---- */

#define REPLIES 400

static void ask_and_not_read(struct raw *peer)
{
	raw_open(peer, http_server_port(server));
	bufferevent_disable(peer->bev, EV_READ);
	for (int i = 0; i < REPLIES; i++) /* 4 MB of replies: more than the kernel's buffers hold */
		raw_send(peer, SENT("GET /large") "\r\n");
}

static void test_replies_that_nobody_reads_take_no_more_than_the_limit_of_all_connections(void **state)
{
	enum { PEERS = CONNECTIONS_MAX - 1, LIMIT = 64 * 1024 };
	struct http_config config = server_config();
	struct raw peers[PEERS];

	log_init("test", "test", LOG_ERROR + 1);
	config.buffer_bytes_max = LIMIT;
	server_replace(&config);
	for (int i = 0; i < PEERS; i++) {
		ask_and_not_read(&peers[i]);
		WAIT_FOR(evbuffer_get_length(bufferevent_get_output(peers[i].bev)) == 0);
		WAIT_FOR(server->counts[HTTP_WRITING] == (i < 3 ? (unsigned)i + 1 : 3));
		assert_true(server->buffer_bytes <= LIMIT);
	}
	bufferevent_enable(peers[0].bev, EV_READ); /* which has read nothing for the longest time */
	WAIT_FOR(peers[0].is_closed);
	assert_in_range(raw_count(&peers[0], "HTTP/1.1 200 OK"), 1, REPLIES - 1);
	bufferevent_enable(peers[PEERS - 1].bev, EV_READ);
	WAIT_FOR(peers[PEERS - 1].got.len > (size_t)REPLIES * 10000);
	WAIT_FOR(raw_count(&peers[PEERS - 1], "HTTP/1.1 200 OK") == REPLIES);
	exchange(LAST, "");
	assert_code(200);
	for (int i = 0; i < PEERS; i++)
		raw_leave(&peers[i]);
	WAIT_FOR(server->buffer_bytes == 0);
}

static void test_requests_that_do_not_end_take_no_more_than_the_limit_of_all_connections(void **state)
{
	enum { PEERS = CONNECTIONS_MAX - 1, LIMIT = 16 * 1024 };
	struct http_config config = server_config();
	struct raw peers[PEERS];

	log_init("test", "test", LOG_ERROR + 1);
	config.buffer_bytes_max = LIMIT;
	server_replace(&config);
	for (int i = 0; i < PEERS; i++) {
		raw_open(&peers[i], http_server_port(server));
		raw_send(&peers[i], POST "Content-Length: 14\r\n\r\n{");
		WAIT_FOR(server->counts[HTTP_READING] == (i < 4 ? (unsigned)i + 1 : 4));
	}
	WAIT_FOR(peers[0].is_closed);
	raw_send(&peers[PEERS - 1], &BODY[1]);
	WAIT_FOR(raw_has(&peers[PEERS - 1], "HTTP/1.1 200 OK"));
	for (int i = 0; i < PEERS; i++)
		raw_leave(&peers[i]);
	WAIT_FOR(server->buffer_bytes == 0);
}

static void test_a_host_that_is_no_address_is_not_listened_on(void **state)
{
	struct http_config config = server_config();
	struct http_server *other;

	config.host = (char *)(uintptr_t) "not an address";
	log_init("test", "test", LOG_ERROR + 1);
	other = http_server_new(base, &config, routes, NULL);
	assert_int_equal(http_server_listen(other), STATUS_INTERNAL);
	http_server_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_a_body_where_none_belongs_is_refused),
		SERVER_TEST(test_a_connect_that_asks_for_an_end_gets_it),
		SERVER_TEST(test_an_unsound_length_is_refused),
		SERVER_TEST(test_a_header_name_that_is_no_token_is_refused),
		SERVER_TEST(test_anything_but_one_host_is_refused),
		SERVER_TEST(test_garbage_is_refused_and_harms_nobody),
		SERVER_TEST(test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413),
		SERVER_TEST(test_a_body_far_over_the_limit_is_not_waited_for),
		SERVER_TEST(test_chunks_over_the_limit_are_413),
		SERVER_TEST(test_a_head_over_the_limit_is_refused),
		SERVER_TEST(test_an_endless_line_is_neither_kept_nor_waited_for),
		SERVER_TEST(test_a_request_that_takes_too_long_to_arrive_is_ended),
		SERVER_TEST(test_one_connection_too_many_closes_the_longest_idle),
		SERVER_TEST(test_a_connection_at_work_is_not_closed_for_a_new_one),
		SERVER_TEST(test_draining_closes_idle_connections_and_says_so_once),
		SERVER_TEST(test_draining_waits_for_the_reply_and_closes_after_it),
		SERVER_TEST(test_draining_lets_a_request_that_has_begun_arrive),
		SERVER_TEST(test_draining_takes_no_new_connection),
		SERVER_TEST(test_a_host_that_is_no_address_is_not_listened_on),
		SERVER_TEST(test_replies_that_nobody_reads_take_no_more_than_the_limit_of_all_connections),
		SERVER_TEST(test_requests_that_do_not_end_take_no_more_than_the_limit_of_all_connections),
	};

	return cmocka_run_group_tests_name("test_server_limits", tests, NULL, NULL);
}

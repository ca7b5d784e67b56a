/* Replies without an end: what the reader gets, and every way in which they end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "http/reply.h"
#include "http/server.h"
#include "http/stream.h"
#include "tests/http/http_fixture.h"

static struct http_server *server;
static struct http_stream *stream; /* NULL: none is open */
static unsigned started, ended, requests_dropped;
static struct raw raw;

static void stream_ended(void *arg)
{
	assert_ptr_equal(arg, &ended);
	stream = NULL;
	ended++;
}

static void request_dropped(void *memory)
{
	requests_dropped++;
}

static void begin(struct http_request *req)
{
	http_request_alloc(req, 10, request_dropped);
	http_reply_header(req, "X-Extra", "1");
	stream = http_stream_start(req, "text/event-stream", stream_ended, &ended);
	started++;
}

static void say_hello(struct http_request *req)
{
	http_reply(req, 200, "text/plain", "hello", 5);
}

static const struct http_route routes[] = {
	{"GET", "/stream", begin, false, false}, {"GET", "/hello", say_hello, false, false}, {0}};

static int set_up(void **state)
{
	struct http_config config = {.host = (char *)(uintptr_t) "127.0.0.1",
				     .body_bytes_max = 1024,
				     .header_bytes_max = 2048,
				     .read_timeout_s = 3600,
				     .idle_timeout_s = 1,
				     .deadline_ms = 100,
				     .connections_max = 10,
				     .buffer_bytes_max = 1 << 20,
				     .trusted_proxies = (char *)(uintptr_t) "127.0.0.0/8"};

	log_init("test", "test", LOG_ERROR);
	started = ended = requests_dropped = 0;
	stream = NULL;
	raw = (struct raw){0};
	fixture_open_loop();
	server = http_server_new(base, &config, routes, NULL);
	assert_int_equal(http_server_listen(server), STATUS_OK);
	return 0;
}

static int tear_down(void **state)
{
	raw_leave(&raw);
	http_server_free(server);
	fixture_close_loop();
	return 0;
}

static void ask(const char *request)
{
	raw_open(&raw, http_server_port(server));
	raw_send(&raw, request);
	raw_send(&raw, " HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void open_stream(void)
{
	ask("GET /stream");
	WAIT_FOR(raw_has(&raw, "\r\n\r\n"));
	assert_non_null(stream);
}

static void test_a_reader_gets_head_and_bytes_as_they_are_written(void **state)
{
	open_stream();
	assert_has(&raw, "HTTP/1.1 200 OK\r\n");
	assert_has(&raw, "Content-Type: text/event-stream\r\n");
	assert_has(&raw, "X-Extra: 1\r\n");
	assert_has(&raw, "Connection: close\r\n");
	assert_has_not(&raw, "Content-Length");
	http_stream_write(stream, "one", 3);
	WAIT_FOR(raw_has(&raw, "\r\n\r\none"));
	http_stream_write(stream, "two", 3);
	WAIT_FOR(raw_has(&raw, "\r\n\r\nonetwo"));
	assert_false(raw.is_closed);
	assert_int_equal(http_stream_waiting(stream), 0);
	assert_int_equal(requests_dropped, 1);
}

static void test_neither_the_deadline_nor_the_idle_limit_ends_a_stream(void **state)
{
	int64_t until_us;

	open_stream();
	until_us = clock_monotonic_us() + 1700000; /* sweeps are 500 ms apart */
	WAIT_FOR(clock_monotonic_us() > until_us);
	assert_int_equal(ended, 0);
	http_stream_write(stream, "still", 5);
	WAIT_FOR(raw_has(&raw, "still"));
}

static void test_a_reader_who_leaves_ends_it_once(void **state)
{
	open_stream();
	raw_leave(&raw);
	WAIT_FOR(ended > 0);
	WAIT_FOR(http_server_in_flight(server) == 0);
	assert_int_equal(ended, 1);
}

static void test_a_reader_who_takes_nothing_is_dropped_with_bounded_memory(void **state)
{
	static char bytes[20000];
	unsigned writes = 0;

	open_stream();
	bufferevent_disable(raw.bev, EV_READ);
	while (stream && writes < 10000) {
		http_stream_write(stream, bytes, sizeof bytes);
		assert_true(http_stream_waiting(stream) <= HTTP_STREAM_BYTES_MAX + sizeof bytes);
		assert_int_equal(ended, 0); /* not from within the call */
		writes++;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(ended, 1);
	assert_true(writes < 10000);
}

static void test_what_is_written_after_the_limit_is_dropped(void **state)
{
	static char bytes[2 * HTTP_STREAM_BYTES_MAX];
	size_t waiting = 0;

	open_stream();
	bufferevent_disable(raw.bev, EV_READ);
	for (int i = 0; i < 100; i++) {
		http_stream_write(stream, bytes, sizeof bytes);
		if (http_stream_waiting(stream) == waiting)
			break;
		waiting = http_stream_waiting(stream);
	}
	assert_true(waiting < 8 * sizeof bytes);
	WAIT_FOR(ended == 1);
}

static void test_head_is_answered_by_the_headers_alone(void **state)
{
	ask("HEAD /stream");
	WAIT_FOR(raw_has(&raw, "\r\n\r\n"));
	assert_has(&raw, "Content-Type: text/event-stream\r\n");
	assert_null(stream);
	assert_int_equal(started, 1);
}

static void test_a_second_request_behind_it_is_not_answered(void **state)
{
	raw_open(&raw, http_server_port(server));
	raw_send(&raw, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	WAIT_FOR(stream);
	http_stream_write(stream, "one", 3);
	WAIT_FOR(raw_has(&raw, "one"));
	assert_has_not(&raw, "hello");
}

static void note_drained(void *arg)
{
	*(bool *)arg = true;
}

static void test_draining_ends_a_stream(void **state)
{
	bool is_drained = false;

	open_stream();
	http_server_drain(server, note_drained, &is_drained);
	assert_int_equal(ended, 0);
	WAIT_FOR(is_drained);
	assert_int_equal(ended, 1);
	WAIT_FOR(raw.is_closed);
}

static void test_draining_waits_for_no_slow_reader(void **state)
{
	static char bytes[HTTP_STREAM_BYTES_MAX];
	bool is_drained = false;

	open_stream();
	bufferevent_disable(raw.bev, EV_READ);
	while (http_stream_waiting(stream) == 0)
		http_stream_write(stream, bytes, sizeof bytes);
	http_server_drain(server, note_drained, &is_drained);
	WAIT_FOR(is_drained);
	assert_int_equal(ended, 1);
}

static void test_freeing_the_server_ends_a_stream(void **state)
{
	open_stream();
	http_server_free(server);
	server = NULL;
	assert_int_equal(ended, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_reader_gets_head_and_bytes_as_they_are_written),
		TEST(test_neither_the_deadline_nor_the_idle_limit_ends_a_stream),
		TEST(test_a_reader_who_leaves_ends_it_once),
		TEST(test_a_reader_who_takes_nothing_is_dropped_with_bounded_memory),
		TEST(test_what_is_written_after_the_limit_is_dropped),
		TEST(test_head_is_answered_by_the_headers_alone),
		TEST(test_a_second_request_behind_it_is_not_answered),
		TEST(test_draining_ends_a_stream),
		TEST(test_draining_waits_for_no_slow_reader),
		TEST(test_freeing_the_server_ends_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

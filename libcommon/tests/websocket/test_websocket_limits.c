/* Peers that send without end, do not read, are silent, or disconnect in the middle of a frame; and the end of a server that
 * has WebSockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "tests/random_input.h"
#include "tests/websocket/websocket_fixture.h"

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		event_base_loop(base, EVLOOP_ONCE);
}

/* ---- size ---- */

static void test_a_message_over_the_limit_is_1009_before_its_bytes_arrive(void **state)
{
	char text[MESSAGE_MAX + 1] = {0};

	join();
	send_frame(TEXT, text, MESSAGE_MAX + 1);
	expect_close(1009);
	seen.closed = 0;
	join();
	raw_send_bytes(&raw, "\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0h", 15); /* only announced */
	expect_close(1009);
}

static void test_fragments_over_the_limit_are_1009(void **state)
{
	char text[MESSAGE_MAX / 2] = {0};

	join();
	send_frame(0x01, text, sizeof text);
	send_frame(0x00, text, sizeof text);
	send_frame(FIN, text, 1);
	expect_close(1009);
	assert_int_equal(seen.messages, 0);
}

static void test_what_follows_an_oversized_message_does_not_hide_the_close(void **state)
{
	size_t len = 4 << 20;
	char *zeros = mem_alloc(len);

	join();
	raw_send_bytes(&raw, "\x81\xFF\0\0\0\0\x00\x40\0\0\0\0\0\0", 14);
	raw_send_bytes(&raw, zeros, len);
	free(zeros);
	expect_close(1009);
}

static void test_random_bytes_and_frames_do_not_break_the_server(void **state)
{
	static const int firsts[] = {0x00, 0x01, 0x81, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x83, 0xC1, 0x09};
	uint8_t bytes[300];

	random_input_start();
	for (int i = 0; i < 300; i++) {
		join();
		for (int frames = (int)(random() % 20); frames > 0 && !raw.is_closed; frames--) {
			size_t len = random_input_bytes(bytes, sizeof bytes - 1);

			if (random() % 8 == 0) {
				raw_send_bytes(&raw, (const char *)bytes, len);
				continue;
			}
			for (size_t at = 0; at < len && random() % 8; at++)
				bytes[at] = (uint8_t)(bytes[at] & 0x7F); /* mostly text */
			send_frame(firsts[(size_t)random() % (sizeof firsts / sizeof *firsts)], (const char *)bytes,
				   random() % 4 ? len % 126 : len);
			event_base_loop(base, EVLOOP_NONBLOCK);
		}
		turn(1);
		raw_leave(&raw);
		WAIT_FOR(websockets_count(group) == 0);
	}
	assert_int_equal(seen.closed, 300);
	join();
	send_text(TEXT, "still here");
	expect_text("still here");
}

/* ---- slow readers ---- */

static void send_until_closed(void)
{
	char text[1000];

	memset(text, 'a', sizeof text);
	for (int i = 0; i < 100000 && !seen.closed; i++) {
		websocket_send(last, text, sizeof text);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static void test_a_reader_that_does_not_read_is_dropped(void **state)
{
	join();
	bufferevent_disable(raw.bev, EV_READ);
	send_until_closed();
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.end, WEBSOCKET_SLOW);
}

static void test_a_peer_that_floods_with_pings_and_reads_no_pongs_is_dropped(void **state)
{
	struct buf pings = {0};

	for (int i = 0; i < 100; i++)
		add_frame(&pings, PING, true, "0123456789", 10);
	join();
	bufferevent_disable(raw.bev, EV_READ);
	for (int i = 0; i < 100000 && !seen.closed; i++) {
		if (evbuffer_get_length(bufferevent_get_output(raw.bev)) < 1 << 20)
			raw_send_bytes(&raw, pings.bytes, pings.len);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	buf_free(&pings);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.end, WEBSOCKET_SLOW);
}

static void test_a_reader_that_reads_gets_everything_however_much(void **state)
{
	char text[1000];

	memset(text, 'a', sizeof text);
	join();
	for (int i = 0; i < 3000; i++) {
		websocket_send(last, text, sizeof text);
		event_base_loop(base, EVLOOP_NONBLOCK);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	WAIT_FOR(raw.got.len >= 3000 * 1004);
	assert_int_equal(seen.closed, 0);
}

/* ---- shared frames ---- */

static void test_frames_made_once_reach_every_websocket(void **state)
{
	struct websocket_frames *frames = websocket_frames_new();
	struct websocket *first;

	join();
	first = last;
	raw_leave(&raw); /* it disconnects before the frames exist, and gets none */
	WAIT_FOR(seen.closed == 1);
	join();
	assert_non_null(first);
	websocket_frames_add(frames, "one", 3);
	websocket_frames_add(frames, "", 0);
	websocket_frames_add(frames, "two", 3);
	websocket_send_frames(last, frames);
	websocket_send_frames(last, frames);
	websocket_frames_free(frames);
	expect_bytes("\x81\x03one\x81\x00\x81\x03two\x81\x03one\x81\x00\x81\x03two", 24);
}

static void test_a_websocket_that_is_closing_gets_no_frames_and_empty_ones_send_nothing(void **state)
{
	struct websocket_frames *frames = websocket_frames_new();

	join();
	websocket_send_frames(last, frames);
	websocket_frames_add(frames, "late", 4);
	websocket_close(last, 1000, "");
	websocket_send_frames(last, frames);
	websocket_frames_free(frames);
	send_frame(CLOSE, "\x03\xE8", 2);
	expect_close(1000);
}

static void test_frames_outlive_their_owner_until_a_slow_reader_has_them(void **state)
{
	struct websocket_limits limits = test_limits();
	char text[60000];
	size_t sent = 0;

	limits.output_bytes_max = 1 << 20;
	server_replace(&limits);
	memset(text, 'a', sizeof text);
	join();
	bufferevent_disable(raw.bev, EV_READ);
	for (int i = 0; i < 15; i++, sent += sizeof text + 4) {
		struct websocket_frames *frames = websocket_frames_new();

		websocket_frames_add(frames, text, sizeof text);
		websocket_send_frames(last, frames);
		websocket_frames_free(frames);
	}
	bufferevent_enable(raw.bev, EV_READ);
	WAIT_FOR(raw.got.len > sent);
	websocket_send(last, "last", 4);
	WAIT_FOR(raw_has(&raw, "last"));
	assert_int_equal(seen.closed, 0);
}

/* ---- time ---- */

static void test_a_silent_peer_is_pinged_and_one_that_answers_stays(void **state)
{
	struct websocket_limits limits = test_limits();

	limits.ping_ms = 20;
	limits.pong_ms = 200;
	server_replace(&limits);
	join();
	for (int i = 0; i < 5; i++) {
		expect_frame(PING, "", 0);
		forget_frames();
		send_frame(PONG, "", 0);
	}
	assert_int_equal(seen.closed, 0);
	WAIT_FOR(raw.is_closed); /* now the peer does not answer */
	assert_int_equal(seen.end, WEBSOCKET_SILENT);
}

static void test_a_peer_that_does_not_answer_our_close_is_dropped(void **state)
{
	struct websocket_limits limits = test_limits();

	limits.close_ms = 40;
	server_replace(&limits);
	join();
	websocket_close(last, 1008, "because");
	WAIT_FOR(raw.is_closed);
	expect_frame(CLOSE,
		     "\x03\xF0"
		     "because",
		     9);
	assert_int_equal(seen.end, WEBSOCKET_SILENT);
}

static void test_a_peer_that_stays_connected_after_its_close_is_dropped(void **state)
{
	struct websocket_limits limits = test_limits();

	limits.close_ms = 40;
	server_replace(&limits);
	join();
	send_frame(CLOSE, "\x03\xE8", 2);
	WAIT_FOR(seen.closed == 1); /* our side of raw is still open */
	assert_int_equal(seen.end, WEBSOCKET_CLOSED);
}

static void test_an_idle_websocket_outlives_the_time_limits_of_http(void **state)
{
	int64_t start_us = clock_monotonic_us();

	join();
	WAIT_FOR(clock_monotonic_us() > start_us + 1600000); /* deadline 100 ms, reading and idle 1 s, checked every 500 ms */
	assert_false(raw.is_closed);
	send_text(TEXT, "still here");
	expect_text("still here");
}

/* ---- leaving ---- */

static void test_a_peer_that_disconnects_in_the_middle_of_a_frame_has_left(void **state)
{
	static const char *const starts[] = {"", "\x81", "\x81\xFE", "\x81\x85\x01\x02", "\x81\x85\x01\x02\x03\x04hel"};

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		seen.closed = 0;
		join();
		raw_send(&raw, starts[i]);
		turn(3);
		raw_leave(&raw);
		WAIT_FOR(seen.closed == 1);
		assert_int_equal(seen.end, WEBSOCKET_LEFT);
	}
}

static void test_a_reset_counts_as_left(void **state)
{
	struct linger at_once = {.l_onoff = 1};

	join();
	send_text(0x01, "half a mess");
	turn(3);
	assert_int_equal(setsockopt(bufferevent_getfd(raw.bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	raw_leave(&raw);
	WAIT_FOR(seen.closed == 1);
	assert_int_equal(seen.end, WEBSOCKET_LEFT);
}

static void test_a_half_closed_connection_is_ended(void **state)
{
	join();
	send_text(TEXT, "the last word");
	WAIT_FOR(evbuffer_get_length(bufferevent_get_output(raw.bev)) == 0);
	shutdown(bufferevent_getfd(raw.bev), SHUT_WR);
	WAIT_FOR(raw.is_closed);
	assert_has(&raw, "the last word");
	assert_int_equal(seen.end, WEBSOCKET_LEFT);
}

/* ---- the server ---- */

static unsigned drained;

static void count_drained(void *arg)
{
	drained++;
}

static void test_draining_closes_with_1001_and_waits_for_the_answer(void **state)
{
	drained = 0;
	join();
	assert_int_equal(http_server_in_flight(server), 1);
	http_server_drain(server, count_drained, NULL);
	expect_frame(CLOSE,
		     "\x03\xE9"
		     "The server is stopping.",
		     25);
	turn(10);
	assert_int_equal(drained, 0);
	send_frame(CLOSE, "\x03\xE9", 2);
	WAIT_FOR(raw.is_closed);
	raw_leave(&raw);
	WAIT_FOR(drained == 1);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(http_server_in_flight(server), 0);
}

static void test_a_server_that_drains_accepts_no_websocket(void **state)
{
	raw_open(&raw, http_server_port(server));
	raw_send(&raw, "GET /echo HTTP/1.1\r\n");
	turn(5);
	http_server_drain(server, count_drained, NULL);
	raw_send(&raw, "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY "\r\n");
	WAIT_FOR(raw.is_closed);
	assert_has(&raw, "HTTP/1.1 503 ");
	assert_has(&raw, "Connection: close\r\n");
	assert_has_not(&raw, "Sec-WebSocket-Accept");
	assert_null(last);
}

static void test_freeing_the_server_ends_every_websocket(void **state)
{
	struct websocket_limits limits = test_limits();

	join();
	send_text(0x01, "half a mess");
	turn(3);
	websocket_close(last, 1000, "");
	server_replace(&limits);
	assert_int_equal(seen.closed, 1);
	WAIT_FOR(raw.is_closed);
}

static void test_a_new_connection_does_not_evict_a_websocket(void **state)
{
	struct raw others[10];

	for (int i = 0; i < 10; i++) {
		raw_open(&others[i], http_server_port(server));
		raw_send(&others[i], HANDSHAKE);
		WAIT_FOR(raw_has(&others[i], "101"));
	}
	raw_open(&raw, http_server_port(server));
	raw_send(&raw, HANDSHAKE);
	WAIT_FOR(raw.is_closed);
	assert_int_equal(websockets_count(group), 10);
	for (int i = 0; i < 10; i++) {
		assert_false(others[i].is_closed);
		raw_leave(&others[i]);
	}
	WAIT_FOR(seen.closed == 10);
}

static void test_http_requests_are_answered_beside_a_websocket(void **state)
{
	struct raw other;

	join();
	raw_open(&other, http_server_port(server));
	raw_send(&other, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n" HANDSHAKE); /* kept, then upgraded */
	WAIT_FOR(raw_has(&other, "hello") && raw_has(&other, "101"));
	raw_leave(&other);
	send_text(TEXT, "still here");
	expect_text("still here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEBSOCKET_TEST(test_a_message_over_the_limit_is_1009_before_its_bytes_arrive),
		WEBSOCKET_TEST(test_fragments_over_the_limit_are_1009),
		WEBSOCKET_TEST(test_what_follows_an_oversized_message_does_not_hide_the_close),
		WEBSOCKET_TEST(test_random_bytes_and_frames_do_not_break_the_server),
		WEBSOCKET_TEST(test_a_reader_that_does_not_read_is_dropped),
		WEBSOCKET_TEST(test_a_peer_that_floods_with_pings_and_reads_no_pongs_is_dropped),
		WEBSOCKET_TEST(test_a_reader_that_reads_gets_everything_however_much),
		WEBSOCKET_TEST(test_frames_made_once_reach_every_websocket),
		WEBSOCKET_TEST(test_a_websocket_that_is_closing_gets_no_frames_and_empty_ones_send_nothing),
		WEBSOCKET_TEST(test_frames_outlive_their_owner_until_a_slow_reader_has_them),
		WEBSOCKET_TEST(test_a_silent_peer_is_pinged_and_one_that_answers_stays),
		WEBSOCKET_TEST(test_a_peer_that_does_not_answer_our_close_is_dropped),
		WEBSOCKET_TEST(test_a_peer_that_stays_connected_after_its_close_is_dropped),
		WEBSOCKET_TEST(test_an_idle_websocket_outlives_the_time_limits_of_http),
		WEBSOCKET_TEST(test_a_peer_that_disconnects_in_the_middle_of_a_frame_has_left),
		WEBSOCKET_TEST(test_a_reset_counts_as_left),
		WEBSOCKET_TEST(test_a_half_closed_connection_is_ended),
		WEBSOCKET_TEST(test_draining_closes_with_1001_and_waits_for_the_answer),
		WEBSOCKET_TEST(test_a_server_that_drains_accepts_no_websocket),
		WEBSOCKET_TEST(test_freeing_the_server_ends_every_websocket),
		WEBSOCKET_TEST(test_a_new_connection_does_not_evict_a_websocket),
		WEBSOCKET_TEST(test_http_requests_are_answered_beside_a_websocket),
	};

	return cmocka_run_group_tests_name("test_websocket_limits", tests, NULL, NULL);
}

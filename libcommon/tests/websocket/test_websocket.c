/* WebSockets as RFC 6455 has them: the handshake, messages and their fragments, control frames between them, and
 * violations of the protocol. The cases are those of sections 1 to 7 of the Autobahn test suite, made by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/websocket/websocket_fixture.h"

/* ---- the handshake ---- */

static void test_the_handshake_is_that_of_the_rfc(void **state)
{
	send_head(HANDSHAKE);
	assert_has(&raw, "HTTP/1.1 101 Switching Protocols\r\n");
	assert_has(&raw, "Upgrade: websocket\r\n");
	assert_has(&raw, "Connection: Upgrade\r\n");
	assert_has(&raw, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"); /* §1.3 */
	assert_has_not(&raw, "Sec-WebSocket-Protocol");
	assert_has_not(&raw, "Content-Length");
}

static void test_only_the_chosen_subprotocol_is_echoed(void **state)
{
	send_head(HEAD("/echo") KEY "Sec-WebSocket-Protocol: secret.of.mine , abacus\r\n\r\n");
	assert_has(&raw, "HTTP/1.1 101 ");
	assert_has(&raw, "Sec-WebSocket-Protocol: abacus\r\n");
	assert_has_not(&raw, "secret");
}

static void test_offers_are_read_one_by_one(void **state)
{
	send_head(HEAD("/echo") KEY "Sec-WebSocket-Protocol: ,, one,\t, much-too-long-for-its-place\r\n\r\n");
	assert_has(&raw, "HTTP/1.1 101 ");
	assert_has_not(&raw, "Sec-WebSocket-Protocol");
}

static void assert_refused(const char *head, const char *status)
{
	send_head(head);
	if (!raw_has(&raw, status))
		fail_msg("not %s: %s\n%s", status, head, raw.got.bytes);
	WAIT_FOR(raw_has(&raw, "\"code\""));
	assert_has(&raw, "Content-Type: application/json\r\n");
	assert_null(last);
}

static void test_a_request_that_is_not_a_handshake_is_426(void **state)
{
	assert_refused("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ");
	assert_has(&raw, "Upgrade: websocket\r\n");
	assert_refused("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" KEY "\r\n", "HTTP/1.1 426 ");
	assert_refused("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n" KEY "\r\n",
		       "HTTP/1.1 426 ");
}

static void test_another_version_is_426_with_the_supported_version(void **state)
{
	assert_refused("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" KEY
		       "Sec-WebSocket-Version: 8\r\n\r\n",
		       "HTTP/1.1 426 ");
	assert_has(&raw, "Sec-WebSocket-Version: 13\r\n");
	assert_refused("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" KEY "\r\n",
		       "HTTP/1.1 426 ");
}

static void test_an_invalid_key_is_refused(void **state)
{
	assert_refused(HEAD("/echo") "\r\n", "HTTP/1.1 400 ");
	assert_refused(HEAD("/echo") "Sec-WebSocket-Key: short\r\n\r\n", "HTTP/1.1 400 ");
	assert_refused(HEAD("/echo") "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=\r\n\r\n", "HTTP/1.1 400 "); /* 17 bytes */
	assert_refused(HEAD("/echo") "Sec-WebSocket-Key: !!hlIHNhbXBsZSBub25jZQ==\r\n\r\n", "HTTP/1.1 400 ");
}

static void test_a_handshake_with_a_body_or_of_http_1_0_is_refused(void **state)
{
	assert_refused(HEAD("/echo") KEY "Content-Length: 2\r\n\r\nab", "HTTP/1.1 400 ");
	assert_refused(HEAD("/echo") KEY "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ");
	assert_refused("GET /echo HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
		       "400 ");
}

static void test_other_methods_are_405(void **state)
{
	assert_refused("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP/1.1 405 ");
	send_head("HEAD /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\n" KEY "\r\n");
	assert_has(&raw, "HTTP/1.1 405 ");
	assert_has(&raw, "Allow: GET\r\n");
}

/* ---- messages ---- */

static void test_a_message_is_echoed(void **state)
{
	join();
	send_text(TEXT, "hello");
	expect_text("hello");
	send_text(TEXT, "");
	expect_text("");
	send_text(TEXT, "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 \xF0\x9F\xA7\xAE");
	expect_text("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 \xF0\x9F\xA7\xAE");
}

static void test_payloads_around_the_limits_of_each_header_form_are_echoed(void **state)
{
	static const size_t lens[] = {124, 125, 126, 127, 128, 255, 256, MESSAGE_MAX};
	char text[MESSAGE_MAX + 1];

	join();
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		memset(text, 'a', lens[i]);
		text[lens[i]] = '\0';
		send_text(TEXT, text);
		expect_text(text);
	}
}

static void test_frames_sent_together_with_the_handshake_are_read(void **state)
{
	struct buf all = {0};

	buf_text(&all, HANDSHAKE);
	add_frame(&all, TEXT, true, "one", 3);
	add_frame(&all, TEXT, true, "two", 3);
	raw_open(&raw, http_server_port(server));
	raw_send_bytes(&raw, all.bytes, all.len);
	buf_free(&all);
	WAIT_FOR(raw_has(&raw, "two"));
	expect_bytes("\x81\x03one\x81\x03two", 10);
}

static void test_one_byte_at_a_time_makes_the_same_messages(void **state)
{
	char text[301];
	struct buf frames = {0};

	memset(text, 'b', 300);
	text[300] = '\0';
	add_frame(&frames, 0x01, true, "\xE1\xBD", 2);
	add_frame(&frames, PING, true, "p", 1);
	add_frame(&frames, FIN, true, "\xB9", 1);
	add_frame(&frames, TEXT, true, text, 300);
	join();
	for (size_t i = 0; i < frames.len; i++) {
		raw_send_bytes(&raw, frames.bytes + i, 1);
		for (int turn = 0; turn < 3; turn++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	buf_free(&frames);
	add_frame(&frames, PONG, false, "p", 1);
	add_frame(&frames, TEXT, false, "\xE1\xBD\xB9", 3);
	add_frame(&frames, TEXT, false, text, 300);
	expect_bytes(frames.bytes, frames.len);
	buf_free(&frames);
}

static void test_fragments_are_joined(void **state)
{
	join();
	send_text(0x01, "one ");
	send_text(0x00, "");
	send_text(0x00, "two ");
	send_text(FIN, "three");
	expect_text("one two three");
	assert_int_equal(seen.messages, 1);
	send_text(TEXT, "next");
	expect_text("next");
}

static void test_control_frames_may_stand_between_fragments(void **state)
{
	join();
	send_text(0x01, "one ");
	send_text(PING, "ping");
	expect_frame(PONG, "ping", 4);
	forget_frames();
	send_text(PONG, "never asked for");
	send_text(FIN, "two");
	expect_text("one two");
}

static void test_a_ping_is_answered_with_its_own_payload(void **state)
{
	char payload[126];

	memset(payload, '\xFE', sizeof payload);
	join();
	send_frame(PING, "", 0);
	expect_frame(PONG, "", 0);
	forget_frames();
	send_frame(PING, payload, 125);
	expect_frame(PONG, payload, 125);
}

/* ---- violations of the protocol ---- */

static void assert_fails(int code)
{
	expect_close(code);
	assert_int_equal(seen.end, WEBSOCKET_CLOSED);
	seen.closed = 0;
}

static void test_an_unmasked_frame_is_1002(void **state)
{
	struct buf frame = {0};

	add_frame(&frame, TEXT, false, "hello", 5);
	join();
	raw_send_bytes(&raw, frame.bytes, frame.len);
	buf_free(&frame);
	assert_fails(1002);
	assert_int_equal(seen.messages, 0);
}

static void test_unknown_opcodes_are_1002(void **state)
{
	static const int opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};

	for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
		join();
		send_text(FIN | opcodes[i], "x");
		assert_fails(1002);
	}
}

static void test_reserved_bits_are_1002(void **state)
{
	for (int rsv = 1; rsv < 8; rsv++) {
		join();
		send_text(TEXT | rsv << 4, "x");
		assert_fails(1002);
		join();
		send_text(PING | rsv << 4, "");
		assert_fails(1002);
	}
}

static void test_a_long_or_fragmented_control_frame_is_1002(void **state)
{
	char payload[126] = {0};

	join();
	send_frame(PING, payload, 126);
	assert_fails(1002);
	join();
	send_frame(0x09, payload, 1);
	assert_fails(1002);
}

static void test_fragments_out_of_place_are_1002(void **state)
{
	join();
	send_text(FIN, "nothing was begun");
	assert_fails(1002);
	join();
	send_text(0x00, "nothing was begun");
	assert_fails(1002);
	join();
	send_text(0x01, "begun");
	send_text(TEXT, "and begun again");
	assert_fails(1002);
}

static void test_a_length_in_a_longer_form_than_needed_is_1002(void **state)
{
	join();
	raw_send_bytes(&raw, "\x81\xFE\x00\x05\0\0\0\0hello", 13);
	assert_fails(1002);
	join();
	raw_send_bytes(&raw, "\x81\xFF\0\0\0\0\0\0\x00\x05\0\0\0\0hello", 19);
	assert_fails(1002);
	join();
	raw_send_bytes(&raw, "\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0hello", 19);
	assert_fails(1002);
}

static void test_a_binary_message_is_1003(void **state)
{
	join();
	send_text(0x82, "x");
	assert_fails(1003);
}

static void test_text_that_is_not_utf_8_is_1007(void **state)
{
	static const char *const texts[] = {
		"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80", /* a surrogate */
		"\xC0\xAF",                                                 /* overlong */
		"\xE0\x80\xAF",
		"\xF0\x8F\xBF\xBF",
		"\xF4\x90\x80\x80", /* beyond U+10FFFF */
		"\xF5",
		"\x80",
		"a\xC3(",
		"\xE1\xBD", /* ends too early */
		"\xFF",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		join();
		send_text(TEXT, texts[i]);
		assert_fails(1007);
	}
	assert_int_equal(seen.messages, 0);
}

static void test_malformed_utf_8_is_refused_before_the_message_is_complete(void **state)
{
	join();
	send_text(0x01, "fine \xF4");
	send_text(0x00, "\x90");
	assert_fails(1007);
}

/* ---- closing ---- */

static void test_a_close_is_answered_with_its_code(void **state)
{
	static const int codes[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
				    1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		char payload[8] = {(char)(codes[i] >> 8), (char)codes[i], 'b', 'y', 'e'};

		join();
		send_frame(CLOSE, payload, i % 2 ? 5 : 2);
		assert_fails(codes[i]);
	}
	join();
	send_frame(CLOSE, "", 0);
	assert_fails(0);
}

static void test_a_close_with_a_code_that_may_not_be_sent_is_1002(void **state)
{
	static const int codes[] = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		char payload[2] = {(char)(codes[i] >> 8), (char)codes[i]};

		join();
		send_frame(CLOSE, payload, 2);
		assert_fails(1002);
	}
	join();
	send_frame(CLOSE, "\x03", 1);
	assert_fails(1002);
}

static void test_a_reason_that_is_not_utf_8_is_1007(void **state)
{
	join();
	send_frame(CLOSE, "\x03\xE8\xCE\xBA\xE1\xBD", 6);
	assert_fails(1007);
}

static void test_nothing_after_a_close_is_read(void **state)
{
	struct buf frames = {0};

	add_frame(&frames, CLOSE, true, "\x03\xE8", 2);
	add_frame(&frames, TEXT, true, "too late", 8);
	add_frame(&frames, PING, true, "too late", 8);
	join();
	raw_send_bytes(&raw, frames.bytes, frames.len);
	buf_free(&frames);
	assert_fails(1000);
	assert_int_equal(seen.messages, 0);
}

static void test_our_close_waits_for_the_answer_and_ignores_messages(void **state)
{
	join();
	send_text(TEXT, "close me");
	expect_frame(CLOSE,
		     "\x11\x31"
		     "as you wish",
		     13);
	send_text(TEXT, "still here?");
	send_text(PING, "still here?");
	websocket_send(last, "nor is anything sent", 20);
	for (int i = 0; i < 5; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_false(raw.is_closed);
	assert_int_equal(seen.closed, 0);
	send_frame(CLOSE, "\x11\x31", 2);
	WAIT_FOR(raw.is_closed);
	expect_frame(CLOSE,
		     "\x11\x31"
		     "as you wish",
		     13);
	raw_leave(&raw);
	WAIT_FOR(seen.closed == 1);
	assert_int_equal(seen.end, WEBSOCKET_CLOSED);
	assert_int_equal(seen.messages, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEBSOCKET_TEST(test_the_handshake_is_that_of_the_rfc),
		WEBSOCKET_TEST(test_only_the_chosen_subprotocol_is_echoed),
		WEBSOCKET_TEST(test_offers_are_read_one_by_one),
		WEBSOCKET_TEST(test_a_request_that_is_not_a_handshake_is_426),
		WEBSOCKET_TEST(test_another_version_is_426_with_the_supported_version),
		WEBSOCKET_TEST(test_an_invalid_key_is_refused),
		WEBSOCKET_TEST(test_a_handshake_with_a_body_or_of_http_1_0_is_refused),
		WEBSOCKET_TEST(test_other_methods_are_405),
		WEBSOCKET_TEST(test_a_message_is_echoed),
		WEBSOCKET_TEST(test_payloads_around_the_limits_of_each_header_form_are_echoed),
		WEBSOCKET_TEST(test_frames_sent_together_with_the_handshake_are_read),
		WEBSOCKET_TEST(test_one_byte_at_a_time_makes_the_same_messages),
		WEBSOCKET_TEST(test_fragments_are_joined),
		WEBSOCKET_TEST(test_control_frames_may_stand_between_fragments),
		WEBSOCKET_TEST(test_a_ping_is_answered_with_its_own_payload),
		WEBSOCKET_TEST(test_an_unmasked_frame_is_1002),
		WEBSOCKET_TEST(test_unknown_opcodes_are_1002),
		WEBSOCKET_TEST(test_reserved_bits_are_1002),
		WEBSOCKET_TEST(test_a_long_or_fragmented_control_frame_is_1002),
		WEBSOCKET_TEST(test_fragments_out_of_place_are_1002),
		WEBSOCKET_TEST(test_a_length_in_a_longer_form_than_needed_is_1002),
		WEBSOCKET_TEST(test_a_binary_message_is_1003),
		WEBSOCKET_TEST(test_text_that_is_not_utf_8_is_1007),
		WEBSOCKET_TEST(test_malformed_utf_8_is_refused_before_the_message_is_complete),
		WEBSOCKET_TEST(test_a_close_is_answered_with_its_code),
		WEBSOCKET_TEST(test_a_close_with_a_code_that_may_not_be_sent_is_1002),
		WEBSOCKET_TEST(test_a_reason_that_is_not_utf_8_is_1007),
		WEBSOCKET_TEST(test_nothing_after_a_close_is_read),
		WEBSOCKET_TEST(test_our_close_waits_for_the_answer_and_ignores_messages),
	};

	return cmocka_run_group_tests_name("test_websocket", tests, NULL, NULL);
}

/* What the tests of WebSockets share: a server that echoes, and a raw client that makes its frames by hand, also malformed
 * ones. Include after cmocka.h. */
#ifndef ABACUS_TESTS_WEBSOCKET_WEBSOCKET_FIXTURE_H
#define ABACUS_TESTS_WEBSOCKET_WEBSOCKET_FIXTURE_H

#include "base/log.h"
#include "http/reply.h"
#include "http/server.h"
#include "tests/http/http_fixture.h"
#include "websocket/websocket.h"

#define MESSAGE_MAX 1000
#define OUTPUT_MAX 4096
#define FOREVER 3600
#define HEAD(path)                                                                                      \
	"GET " path " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
	"Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455 §1.3 */
#define HANDSHAKE HEAD("/echo") KEY "\r\n"
#define FIN 0x80
#define TEXT 0x81
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8A

static struct http_server *server;
static struct websockets *group;
static struct raw raw;
static struct websocket *last; /* accepted */
static struct {
	unsigned messages, closed;
	enum websocket_end end;
} seen;

static inline void accept_echo(struct http_request *req)
{
	char offered[20];

	last = websocket_accept(group, req, websocket_offer(req, 1, offered, sizeof offered) ? offered : NULL, &seen);
}

static inline void echo(struct websocket *ws, const char *text, size_t len, void *arg)
{
	assert_ptr_equal(arg, &seen);
	seen.messages++;
	if (len == 8 && memcmp(text, "close me", 8) == 0)
		websocket_close(ws, 4401, "as you wish");
	else
		websocket_send(ws, text, len);
}

static inline void note_closed(struct websocket *ws, enum websocket_end end, void *arg)
{
	seen.closed++;
	seen.end = end;
}

static inline void say_hello(struct http_request *req)
{
	http_reply(req, 200, "text/plain", "hello", 5);
}

static inline struct websocket_limits test_limits(void)
{
	return (struct websocket_limits){.message_bytes_max = MESSAGE_MAX,
					 .output_bytes_max = OUTPUT_MAX,
					 .ping_ms = FOREVER * 1000,
					 .pong_ms = FOREVER * 1000,
					 .close_ms = FOREVER * 1000};
}

static inline void server_open(const struct websocket_limits *limits)
{
	static const struct websocket_calls calls = {.message = echo, .closed = note_closed};
	static const struct http_route routes[] = {
		{"GET", "/echo", accept_echo, false, false}, {"GET", "/hello", say_hello, false, false}, {0}};
	struct http_config config = {.host = (char *)(uintptr_t) "127.0.0.1",
				     .body_bytes_max = 1024,
				     .header_bytes_max = 2048,
				     .read_timeout_s = 1,
				     .idle_timeout_s = 1,
				     .deadline_ms = 100,
				     .connections_max = 10,
				     .buffer_bytes_max = 1 << 20,
				     .trusted_proxies = (char *)(uintptr_t) "127.0.0.0/8"};

	group = websockets_new(base, limits, &calls);
	server = http_server_new(base, &config, routes, NULL);
	assert_int_equal(http_server_listen(server), STATUS_OK);
}

static inline void server_close(void)
{
	http_server_free(server);
	websockets_free(group);
}

static inline int websocket_set_up(void **state)
{
	struct websocket_limits limits = test_limits();

	log_init("test", "test", LOG_ERROR);
	memset(&seen, 0, sizeof seen);
	last = NULL;
	raw = (struct raw){0};
	fixture_open_loop();
	server_open(&limits);
	return 0;
}

static inline int websocket_tear_down(void **state)
{
	raw_leave(&raw);
	server_close();
	fixture_close_loop();
	return 0;
}

static inline void server_replace(const struct websocket_limits *limits)
{
	server_close();
	server_open(limits);
}

/* ---- the client ---- */

static inline void send_head(const char *head)
{
	raw_leave(&raw);
	raw_open(&raw, http_server_port(server));
	raw_send(&raw, head);
	WAIT_FOR(raw.is_closed || raw_has(&raw, "\r\n\r\n"));
}

static inline void join(void)
{
	send_head(HANDSHAKE);
	assert_true(raw_has(&raw, "HTTP/1.1 101 "));
	assert_non_null(last);
}

/* Sends one frame with any first byte; its length has the shortest form. */
static inline void add_frame(struct buf *out, int first, bool is_masked, const char *payload, size_t len)
{
	static const unsigned char mask[4] = {0x37, 0xFA, 0x21, 0x3D};
	int flag = is_masked ? 0x80 : 0;

	if (len < 126)
		buf_add(out, (char[]){(char)first, (char)(flag | (int)len)}, 2);
	else
		buf_add(out, (char[]){(char)first, (char)(flag | 126), (char)(len >> 8), (char)len}, 4);
	if (is_masked)
		buf_add(out, (const char *)mask, 4);
	for (size_t i = 0; i < len; i++)
		buf_add(out, (char[]){(char)(payload[i] ^ (is_masked ? mask[i % 4] : 0))}, 1);
}

static inline void send_frame(int first, const char *payload, size_t len)
{
	struct buf frame = {0};

	add_frame(&frame, first, true, payload, len);
	raw_send_bytes(&raw, frame.bytes, frame.len);
	buf_free(&frame);
}

static inline void send_text(int first, const char *text)
{
	send_frame(first, text, strlen(text));
}

static inline const char *got_frames(size_t *ret_len)
{
	const char *start = strstr(raw.got.bytes, "\r\n\r\n") + 4;

	*ret_len = raw.got.len - (size_t)(start - raw.got.bytes);
	return start;
}

/* Everything that has arrived after the handshake is exactly these bytes. */
static inline void expect_bytes(const char *bytes, size_t len)
{
	size_t got = 0;

	WAIT_FOR((got_frames(&got), got >= len || raw.is_closed));
	assert_int_equal(got, len);
	assert_memory_equal(got_frames(&got), bytes, len);
}

/* Waits for exactly one frame, not masked because a server sent it, with nothing before it. */
static inline void expect_frame(int first, const char *payload, size_t len)
{
	struct buf frame = {0};

	add_frame(&frame, first, false, payload, len);
	expect_bytes(frame.bytes, frame.len);
	buf_free(&frame);
}

static inline void forget_frames(void)
{
	raw.got.len = (size_t)(strstr(raw.got.bytes, "\r\n\r\n") + 4 - raw.got.bytes);
	raw.got.bytes[raw.got.len] = '\0';
}

static inline void expect_text(const char *text)
{
	expect_frame(TEXT, text, strlen(text));
	forget_frames();
}

/* Waits for a close frame with this code (0: none) and no reason, then for the end of the stream; then ends this side too. */
static inline void expect_close(int code)
{
	char payload[2] = {(char)(code >> 8), (char)code};

	WAIT_FOR(raw.is_closed);
	expect_frame(CLOSE, payload, code ? 2 : 0);
	raw_leave(&raw);
	WAIT_FOR(seen.closed == 1);
	assert_int_equal(websockets_count(group), 0);
}

#define WEBSOCKET_TEST(test) cmocka_unit_test_setup_teardown(test, websocket_set_up, websocket_tear_down)

#endif

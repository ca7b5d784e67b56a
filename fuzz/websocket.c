/* What a peer sends on a WebSocket, of any bytes. The first byte of the input says whether the peer reads what it is sent. The
 * connection below websocket/ is this file's own, and replaces http/upgrade.c. Invariants:
 * - splitting the bytes anywhere changes nothing: neither the messages, nor what is sent, nor how it ends;
 * - messages and what is sent are those of a reference: a second reader of RFC 6455 §5 that has all bytes at once;
 * - a message is well-formed UTF-8, within its limit; nothing is sent behind a close frame;
 * - a peer that does not read costs no more than the limit of the output and one frame;
 * - between two messages nothing is kept. */
#include <event2/buffer.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "websocket/websocket_internal.h"

#define MESSAGE_MAX 300
#define OUTPUT_MAX 512
#define FOREVER_MS 3600000
#define CLOSE_CODE 4401

/* ---- the connection, in place of http/upgrade.c ---- */

struct http_connection {
	struct evbuffer *input, *output;
	const struct http_upgrade_calls *calls;
	void *arg;
	bool is_slow, is_shut, is_closed;
	enum websocket_end end;
	struct buf sent, messages;
};

struct http_connection *http_reply_upgrade(struct http_request *req, const struct http_upgrade_calls *calls,
					   size_t input_bytes_max, void *arg)
{
	struct http_connection *conn = (struct http_connection *)(void *)req;

	conn->calls = calls;
	conn->arg = arg;
	return conn;
}

struct evbuffer *http_upgrade_input(struct http_connection *conn)
{
	return conn->input;
}

struct evbuffer *http_upgrade_output(struct http_connection *conn)
{
	return conn->output;
}

void http_upgrade_write(struct http_connection *conn)
{
	size_t len = evbuffer_get_length(conn->output);

	require(!conn->is_shut && !conn->is_closed);
	if (conn->is_slow)
		return;
	buf_add(&conn->sent, (const char *)evbuffer_pullup(conn->output, -1), len);
	evbuffer_drain(conn->output, len);
}

void http_upgrade_shut(struct http_connection *conn)
{
	conn->is_shut = true;
}

void http_upgrade_close(struct http_connection *conn)
{
	require(!conn->is_closed);
	conn->is_closed = true;
	conn->calls->closed(conn->arg);
}

/* ---- one reading of the bytes, in parts ---- */

static struct event_base *base;
static struct websockets *group;

static void add_message(struct buf *messages, const char *text, size_t len)
{
	buf_printf(messages, "%zu:", len);
	buf_add(messages, text, len);
}

static bool asks_to_close(const char *text, size_t len)
{
	return len == 5 && memcmp(text, "close", 5) == 0;
}

static void note_message(struct websocket *ws, const char *text, size_t len, void *arg)
{
	struct http_connection *conn = arg;

	require(len <= MESSAGE_MAX && utf8_is_valid(text, len));
	add_message(&conn->messages, text, len);
	if (asks_to_close(text, len))
		websocket_close(ws, CLOSE_CODE, "as you wish");
	else
		websocket_send(ws, text, len);
}

static void note_closed(struct websocket *ws, enum websocket_end end, void *arg)
{
	struct http_connection *conn = arg;

	conn->is_closed = true;
	conn->end = end;
}

static void set_up(void)
{
	static const struct websocket_calls calls = {.message = note_message, .closed = note_closed};
	static const struct websocket_limits limits = {.message_bytes_max = MESSAGE_MAX,
						       .output_bytes_max = OUTPUT_MAX,
						       .ping_ms = FOREVER_MS,
						       .pong_ms = FOREVER_MS,
						       .close_ms = FOREVER_MS};

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	base = loop_new();
	group = websockets_new(base, &limits, &calls);
}

struct heard {
	struct http_connection conn;
	enum websocket_state state;
	bool keeps_something;
};

static void deliver(struct http_connection *conn, const uint8_t *bytes, size_t len)
{
	char *part = copy_bytes(bytes, len);

	evbuffer_add(conn->input, part, len);
	free(part);
	conn->calls->readable(conn->arg);
	require(evbuffer_get_length(conn->input) == 0);
	require(evbuffer_get_length(conn->output) <= OUTPUT_MAX + MESSAGE_MAX + 8);
}

/* The first `first` bytes (0: no such part), then `step` bytes at a time. */
static struct heard hear(const uint8_t *bytes, size_t len, size_t first, size_t step, bool is_slow)
{
	struct heard heard = {.conn = {.input = evbuffer_new(), .output = evbuffer_new(), .is_slow = is_slow}};
	struct http_connection *conn = &heard.conn;
	struct websocket *ws = websocket_new(group, (struct http_request *)(void *)conn, conn);

	for (size_t at = 0; at < len;) {
		size_t part = at == 0 && first > 0 ? first : step;

		part = part < len - at ? part : len - at;
		deliver(conn, bytes + at, part);
		at += part;
	}
	heard.state = ws->state;
	heard.keeps_something = ws->reading != NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	require(conn->is_closed == (heard.state == WEBSOCKET_IS_OVER));
	if (!conn->is_closed)
		http_upgrade_close(conn);
	require(websockets_count(group) == 0);
	if (is_slow)
		buf_add(&conn->sent, (const char *)evbuffer_pullup(conn->output, -1), evbuffer_get_length(conn->output));
	return heard;
}

static void heard_free(struct heard *heard)
{
	evbuffer_free(heard->conn.input);
	evbuffer_free(heard->conn.output);
	buf_free(&heard->conn.sent);
	buf_free(&heard->conn.messages);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static void check_split(const struct heard *whole, struct heard parts)
{
	require(parts.state == whole->state && parts.conn.end == whole->conn.end);
	require(parts.keeps_something == whole->keeps_something && parts.conn.is_shut == whole->conn.is_shut);
	require(is_same(&parts.conn.messages, &whole->conn.messages) && is_same(&parts.conn.sent, &whole->conn.sent));
	heard_free(&parts);
}

/* ---- the reference: RFC 6455 §5, on all bytes at once, for a peer that reads ---- */

struct reference {
	const uint8_t *bytes;
	size_t len, at;
	bool is_in_message, is_closing, is_over;
	struct buf message, messages, sent;
};

struct frame {
	bool is_final, is_masked;
	int rsv, opcode;
	uint64_t len;
	const uint8_t *mask, *payload;
	size_t have; /* of the payload */
};

static void send_expected(struct reference *reference, int opcode, const char *payload, size_t len)
{
	unsigned char head[4] = {(unsigned char)(0x80 | opcode), (unsigned char)len};

	if (len > 125) {
		head[1] = 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
	}
	buf_add(&reference->sent, (const char *)head, len > 125 ? 4 : 2);
	buf_add(&reference->sent, payload, len);
}

static void close_with(struct reference *reference, int code, const char *reason)
{
	char payload[125] = {(char)(code >> 8), (char)code};

	strcpy(payload + 2, reason);
	if (!reference->is_closing)
		send_expected(reference, 8, payload, code ? 2 + strlen(reason) : 0);
	reference->is_closing = true;
}

static void fail(struct reference *reference, int code)
{
	close_with(reference, code, "");
	reference->is_over = true;
}

/* False: the header is not whole yet, or wrong. */
static bool read_header(struct reference *reference, struct frame *frame)
{
	const uint8_t *head = reference->bytes + reference->at, *end = reference->bytes + reference->len;
	size_t extra;

	if (end - head < 2)
		return false;
	*frame = (struct frame){.is_final = head[0] >> 7, .rsv = head[0] >> 4 & 7, .opcode = head[0] & 15};
	frame->is_masked = head[1] >> 7;
	frame->len = head[1] & 127;
	if (frame->opcode >= 8 && (!frame->is_final || frame->len > 125)) {
		fail(reference, 1002);
		return false;
	}
	extra = frame->len == 127 ? 8 : frame->len == 126 ? 2 : 0;
	if ((size_t)(end - head) < 2 + extra)
		return false;
	for (size_t i = 0; i < extra; i++)
		frame->len = (i ? frame->len << 8 : 0) | head[2 + i];
	if ((extra == 2 && frame->len < 126) || (extra == 8 && (frame->len <= UINT16_MAX || frame->len >> 63))) {
		fail(reference, 1002);
		return false;
	}
	frame->mask = head + 2 + extra;
	frame->payload = frame->mask + (frame->is_masked ? 4 : 0);
	if (frame->payload > end || (frame->len > 0 && frame->payload == end))
		return false;
	frame->have = frame->len < (size_t)(end - frame->payload) ? (size_t)frame->len : (size_t)(end - frame->payload);
	return true;
}

static int problem_of(const struct reference *reference, const struct frame *frame)
{
	if (frame->rsv || !frame->is_masked || (frame->opcode > 2 && frame->opcode < 8) || frame->opcode > 10)
		return 1002;
	if (frame->opcode < 8 && (frame->opcode == 0) != reference->is_in_message)
		return 1002;
	if (frame->opcode == 2)
		return 1003;
	return frame->opcode < 8 && frame->len > MESSAGE_MAX - reference->message.len ? 1009 : 0;
}

static void end_message(struct reference *reference)
{
	const struct buf *message = &reference->message;

	if (!utf8_is_valid(message->bytes, message->len))
		return fail(reference, 1007);
	reference->is_in_message = false;
	if (!reference->is_closing) {
		add_message(&reference->messages, message->bytes, message->len);
		if (asks_to_close(message->bytes, message->len))
			close_with(reference, CLOSE_CODE, "as you wish");
		else
			send_expected(reference, 1, message->bytes, message->len);
	}
	reference->message.len = 0;
}

static void end_close(struct reference *reference, const char *payload, size_t len)
{
	int code = len >= 2 ? (uint8_t)payload[0] << 8 | (uint8_t)payload[1] : 0;
	bool is_registered = code >= 1000 && code <= 1014 && (code <= 1003 || code >= 1007);

	if (len == 1 || (len && !is_registered && (code < 3000 || code > 4999)))
		fail(reference, 1002);
	else if (len && !utf8_is_valid(payload + 2, len - 2))
		fail(reference, 1007);
	else
		fail(reference, code);
}

static void take_payload(struct reference *reference, const struct frame *frame)
{
	char *payload = copy_bytes(frame->payload, frame->have);
	bool is_whole = frame->have == frame->len;
	struct utf8 utf8 = {0};

	for (size_t i = 0; i < frame->have; i++)
		payload[i] = (char)(payload[i] ^ frame->mask[i % 4]);
	if (frame->opcode < 8) {
		reference->is_in_message = true;
		buf_add(&reference->message, payload, frame->have);
		if (!utf8_read(&utf8, reference->message.bytes, reference->message.len))
			fail(reference, 1007);
		else if (is_whole && frame->is_final)
			end_message(reference);
	} else if (is_whole && frame->opcode == 8) {
		end_close(reference, payload, frame->have);
	} else if (is_whole && frame->opcode == 9 && !reference->is_closing) {
		send_expected(reference, 10, payload, frame->have);
	}
	reference->at = (size_t)(frame->payload - reference->bytes) + frame->have;
	reference->is_over |= !is_whole;
	free(payload);
}

static void check_reference(const struct heard *heard, const uint8_t *bytes, size_t len)
{
	struct reference reference = {.bytes = bytes, .len = len};
	struct frame frame;

	buf_add(&reference.message, "", 0);
	while (!reference.is_over && read_header(&reference, &frame)) {
		int problem = problem_of(&reference, &frame);

		if (problem)
			fail(&reference, problem);
		else
			take_payload(&reference, &frame);
	}
	require(is_same(&heard->conn.messages, &reference.messages) && is_same(&heard->conn.sent, &reference.sent));
	require(heard->state == WEBSOCKET_IS_OPEN || reference.is_closing);
	if (!reference.is_over && !reference.is_in_message && reference.at == len)
		require(!heard->keeps_something);
	buf_free(&reference.message);
	buf_free(&reference.messages);
	buf_free(&reference.sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_slow = take_byte(&data, &size) & 1;
	struct heard whole;

	if (!group)
		set_up();
	whole = hear(data, size, 0, size, is_slow);
	if (!is_slow)
		check_reference(&whole, data, size);
	check_split(&whole, hear(data, size, 0, 1, is_slow));
	for (size_t first = 1; first < size; first += size / 16 + 1)
		check_split(&whole, hear(data, size, first, size, is_slow));
	heard_free(&whole);
	return 0;
}

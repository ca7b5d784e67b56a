/* Makes messages of frames, and answers control frames: RFC 6455 §5 to §8. wslay parses frames; this file decides which frame
 * may follow which, and what a message may hold, because wslay's own event layer answers some errors without a code and keeps 8
 * KB for each connection. All state here exists only while a frame or a message has arrived in part. */
#include "websocket/websocket_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

struct websocket_reading {
	struct websocket *ws;
	wslay_frame_context_ptr wslay;
	int64_t unparsed_bytes; /* given to wslay, minus the lengths of all frames that it has begun: 0 between frames, when it
				   holds nothing */
	struct wslay_frame_iocb frame; /* the current one's header */
	uint64_t frame_missing;
	bool is_in_frame, is_in_message;
	struct buf message;
	struct utf8 utf8;
	unsigned char control[WEBSOCKET_CONTROL_BYTES_MAX];
	size_t control_len;
};

/* ---- checks: each returns the close code for what is wrong, or 0 ---- */

static int problem_of_header(const struct websocket_reading *reading, const struct wslay_frame_iocb *frame)
{
	size_t room = reading->ws->group->limits.message_bytes_max - reading->message.len;

	if (frame->rsv || !frame->mask)
		return WSLAY_CODE_PROTOCOL_ERROR;
	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG:
		return 0;
	case WSLAY_CONTINUATION_FRAME:
		if (!reading->is_in_message)
			return WSLAY_CODE_PROTOCOL_ERROR;
		break;
	case WSLAY_TEXT_FRAME:
	case WSLAY_BINARY_FRAME:
		if (reading->is_in_message)
			return WSLAY_CODE_PROTOCOL_ERROR;
		if (frame->opcode == WSLAY_BINARY_FRAME)
			return WSLAY_CODE_UNSUPPORTED_DATA;
		break;
	default:
		return WSLAY_CODE_PROTOCOL_ERROR;
	}
	return frame->payload_length > room ? WSLAY_CODE_MESSAGE_TOO_BIG : 0;
}

/* Codes that are allowed in a close frame (RFC 6455 §7.4 and IANA's registry). */
static bool is_close_code(int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static int problem_of_close(const unsigned char *payload, size_t len)
{
	if (len == 0)
		return 0;
	if (len == 1 || !is_close_code(payload[0] << 8 | payload[1]))
		return WSLAY_CODE_PROTOCOL_ERROR;
	if (!utf8_is_valid((const char *)payload + 2, len - 2))
		return WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
	return 0;
}

/* ---- the beginning, the payload and the end of a frame ---- */

static int64_t header_len(uint64_t payload_len)
{
	return 2 + 4 + (payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8);
}

static int begin_frame(struct websocket_reading *reading, const struct wslay_frame_iocb *frame)
{
	int problem = problem_of_header(reading, frame);

	if (problem)
		return problem;
	reading->frame = *frame;
	reading->frame_missing = frame->payload_length;
	reading->unparsed_bytes -= header_len(frame->payload_length) + (int64_t)frame->payload_length;
	reading->is_in_frame = true;
	reading->control_len = 0;
	if (!wslay_is_ctrl_frame(frame->opcode))
		reading->is_in_message = true;
	return 0;
}

static int add_payload(struct websocket_reading *reading, const uint8_t *bytes, size_t len)
{
	reading->frame_missing -= len;
	if (len == 0)
		return 0;
	if (wslay_is_ctrl_frame(reading->frame.opcode)) { /* wslay refuses more than 125 bytes */
		memcpy(reading->control + reading->control_len, bytes, len);
		reading->control_len += len;
		return 0;
	}
	if (!utf8_read(&reading->utf8, (const char *)bytes, len))
		return WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
	buf_add(&reading->message, (const char *)bytes, len);
	return 0;
}

static int end_message(struct websocket_reading *reading)
{
	struct websocket *ws = reading->ws;

	if (!utf8_is_whole(&reading->utf8))
		return WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
	if (ws->state == WEBSOCKET_IS_OPEN)
		ws->group->calls->message(ws, reading->message.bytes ? reading->message.bytes : "", reading->message.len,
					  ws->arg);
	reading->message.len = 0;
	reading->is_in_message = false;
	return 0;
}

/* Answered with the same code (RFC 6455 §5.5.1). */
static int end_close(struct websocket_reading *reading)
{
	const unsigned char *payload = reading->control;
	int problem = problem_of_close(payload, reading->control_len);

	if (!problem)
		websocket_begin_closing(reading->ws, reading->control_len ? payload[0] << 8 | payload[1] : 0, "", 0, true);
	return problem;
}

static int end_frame(struct websocket_reading *reading)
{
	struct websocket *ws = reading->ws;

	reading->is_in_frame = false;
	switch (reading->frame.opcode) {
	case WSLAY_CONNECTION_CLOSE:
		return end_close(reading);
	case WSLAY_PING:
		if (ws->state == WEBSOCKET_IS_OPEN)
			websocket_send_frame(ws, WSLAY_PONG, reading->control, reading->control_len);
		return 0;
	case WSLAY_PONG:
		return 0;
	default:
		return reading->frame.fin ? end_message(reading) : 0;
	}
}

static int take(struct websocket_reading *reading, const struct wslay_frame_iocb *frame)
{
	int problem = reading->is_in_frame ? 0 : begin_frame(reading, frame);

	if (!problem)
		problem = add_payload(reading, frame->data, frame->data_length);
	if (!problem && reading->frame_missing == 0)
		problem = end_frame(reading);
	return problem;
}

/* ---- reading ---- */

static ssize_t give(uint8_t *bytes, size_t len, int flags, void *arg)
{
	struct websocket_reading *reading = arg;
	int given = evbuffer_remove(http_upgrade_input(reading->ws->conn), bytes, len);

	if (given > 0)
		reading->unparsed_bytes += given;
	return given > 0 ? given : -1;
}

static struct websocket_reading *reading_new(struct websocket *ws)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = give};
	struct websocket_reading *reading = mem_alloc(sizeof *reading);

	reading->ws = ws;
	if (wslay_frame_context_init(&reading->wslay, &callbacks, reading) != 0)
		mem_die("no memory for reading a WebSocket\n");
	return reading;
}

void websocket_reading_free(struct websocket_reading *reading)
{
	if (!reading)
		return;
	wslay_frame_context_free(reading->wslay);
	buf_free(&reading->message);
	free(reading);
}

static bool is_read(const struct websocket *ws)
{
	return ws->state == WEBSOCKET_IS_OPEN || ws->state == WEBSOCKET_IS_CLOSING;
}

void websocket_read(struct websocket *ws)
{
	struct websocket_reading *reading = ws->reading ? ws->reading : reading_new(ws);
	ssize_t got = 0;
	int problem = 0;

	ws->reading = reading;
	while (!problem && is_read(ws)) {
		struct wslay_frame_iocb frame = {0};

		if ((got = wslay_frame_recv(reading->wslay, &frame)) < 0)
			break;
		problem = take(reading, &frame);
	}
	if (got < 0 && got != WSLAY_ERR_WANT_READ)
		problem = WSLAY_CODE_PROTOCOL_ERROR;
	if (problem)
		websocket_begin_closing(ws, problem, "", 0, true);
	if (!is_read(ws) || (!reading->is_in_frame && !reading->is_in_message && reading->unparsed_bytes == 0)) {
		websocket_reading_free(reading);
		ws->reading = NULL;
	}
}

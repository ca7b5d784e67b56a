/* Sending. A server's frames are not masked (RFC 6455 §5.1), so all receivers of a message get the same bytes: they are in
 * memory once, and the output of each connection refers to them. */
#include "websocket/websocket_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

struct websocket_frames {
	struct buf bytes;
	size_t references; /* the owner's, and one for each output that refers to it */
};

static ssize_t add(const uint8_t *bytes, size_t len, int flags, void *arg)
{
	buf_add(arg, (const char *)bytes, len);
	return (ssize_t)len;
}

/* A context for each frame, because wslay keeps nothing between whole frames and a buffer takes a frame at once. */
static void add_frame(struct buf *buf, enum wslay_opcode opcode, const void *bytes, size_t len)
{
	static const struct wslay_frame_callbacks callbacks = {.send_callback = add};
	struct wslay_frame_iocb frame = {
		.fin = 1, .opcode = (uint8_t)opcode, .payload_length = len, .data = bytes, .data_length = len};
	wslay_frame_context_ptr wslay;

	if (wslay_frame_context_init(&wslay, &callbacks, buf) != 0 || wslay_frame_send(wslay, &frame) != (ssize_t)len)
		mem_die("no memory for a WebSocket frame\n");
	wslay_frame_context_free(wslay);
}

static void flush(struct websocket *ws)
{
	http_upgrade_write(ws->conn);
	if (evbuffer_get_length(http_upgrade_output(ws->conn)) > ws->group->limits.output_bytes_max)
		websocket_drop(ws, WEBSOCKET_SLOW);
}

void websocket_send_frame(struct websocket *ws, enum wslay_opcode opcode, const void *bytes, size_t len)
{
	struct buf frame = {0};

	add_frame(&frame, opcode, bytes, len);
	evbuffer_add(http_upgrade_output(ws->conn), frame.bytes, frame.len);
	buf_free(&frame);
	flush(ws);
}

void websocket_send(struct websocket *ws, const char *text, size_t len)
{
	if (ws->state == WEBSOCKET_IS_OPEN)
		websocket_send_frame(ws, WSLAY_TEXT_FRAME, text, len);
}

struct websocket_frames *websocket_frames_new(void)
{
	struct websocket_frames *frames = mem_alloc(sizeof *frames);

	frames->references = 1;
	return frames;
}

void websocket_frames_add(struct websocket_frames *frames, const char *text, size_t len)
{
	add_frame(&frames->bytes, WSLAY_TEXT_FRAME, text, len);
}

void websocket_frames_free(struct websocket_frames *frames)
{
	if (!frames || --frames->references > 0)
		return;
	buf_free(&frames->bytes);
	free(frames);
}

static void sent(const void *bytes, size_t len, void *arg)
{
	websocket_frames_free(arg);
}

void websocket_send_frames(struct websocket *ws, struct websocket_frames *frames)
{
	if (ws->state != WEBSOCKET_IS_OPEN || frames->bytes.len == 0)
		return;
	frames->references++;
	if (evbuffer_add_reference(http_upgrade_output(ws->conn), frames->bytes.bytes, frames->bytes.len, sent, frames) < 0)
		mem_die("no memory for a WebSocket frame\n");
	flush(ws);
}

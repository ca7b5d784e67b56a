/* Replies without an end. The connection leaves HTTP as an upgraded one does (upgrade.c), so that a client that disconnects is
 * noticed and no time limit applies. What it carries is the body of one reply, up to the connection's end (RFC 9112 §6.3):
 * chunks would only repeat what that end says.
 *
 *   open -> dropped (the reader disconnected, or is too slow; the server drains) -> closed */
#include "http/server_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/mem.h"

#define INPUT_BYTES_MAX 4096

struct http_stream {
	struct http_connection *conn;
	struct loop_deferred *close;
	bool is_dropped;
	void (*ended)(void *arg);
	void *arg;
};

static void drop(void *arg)
{
	struct http_stream *stream = arg;

	stream->is_dropped = true;
	loop_deferred_schedule(stream->close);
}

static void close_now(void *arg)
{
	struct http_stream *stream = arg;

	http_upgrade_close(stream->conn);
}

/* What a reader sends is thrown away, because this connection ends with this reply. */
static void ignore(void *arg)
{
}

static void closed(void *arg)
{
	struct http_stream *stream = arg;

	stream->ended(stream->arg);
	loop_deferred_free(stream->close);
	free(stream);
}

struct http_stream *http_stream_start(struct http_request *req, const char *content_type, void (*ended)(void *arg), void *arg)
{
	static const struct http_upgrade_calls calls = {
		.readable = ignore, .written = ignore, .left = drop, .draining = drop, .closed = closed};
	struct http_stream *stream;

	if (strcmp(req->method, "HEAD") == 0) {
		http_reply(req, 200, content_type, "", 0);
		return NULL;
	}
	stream = mem_alloc(sizeof *stream);
	*stream = (struct http_stream){.ended = ended, .arg = arg};
	stream->close = loop_deferred_new(req->server->base, close_now, stream);
	http_reply_header(req, "Content-Type", content_type);
	http_reply_header(req, "Cache-Control", "no-store");
	http_reply_header(req, "Connection", "close");
	stream->conn = http_upgrade_take(req, 200, &calls, INPUT_BYTES_MAX, stream);
	if (stream->conn)
		return stream;
	loop_deferred_free(stream->close);
	free(stream);
	return NULL;
}

void http_stream_write(struct http_stream *stream, const char *bytes, size_t len)
{
	if (stream->is_dropped)
		return;
	evbuffer_add(http_upgrade_output(stream->conn), bytes, len);
	http_upgrade_write(stream->conn);
	if (http_stream_waiting(stream) > HTTP_STREAM_BYTES_MAX)
		drop(stream);
}

void http_stream_end(struct http_stream *stream)
{
	drop(stream);
}

size_t http_stream_waiting(const struct http_stream *stream)
{
	return evbuffer_get_length(http_upgrade_output(stream->conn));
}

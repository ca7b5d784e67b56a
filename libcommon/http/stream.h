/* A reply without an end, such as server-sent events: bytes are sent as they come, until one side ends it. It has no time
 * limit, and the connection ends with it. The owner sends something now and then, so that a reader who is gone is noticed. */
#ifndef ABACUS_HTTP_STREAM_H
#define ABACUS_HTTP_STREAM_H

#include <stddef.h>

#include "base/status.h"
#include "http/request.h"

struct http_stream;
#define HTTP_STREAM_BYTES_MAX (256 * 1024)
/* Replies 200 with the headers of http_reply_header() and ends the request, as every reply does. `ended` runs once when the
 * reader has disconnected, has let more than HTTP_STREAM_BYTES_MAX wait, the server drains or is freed, or http_stream_end()
 * was called; the stream is gone then. It never runs from within a call here. NULL: answered otherwise, HEAD by the headers
 * alone, and 503 while the server drains. */
struct http_stream *http_stream_start(struct http_request *req, const char *content_type, void (*ended)(void *arg),
				      void *arg) MUST_CHECK;
/* bytes are copied, and sent at once as far as the socket takes them. */
void http_stream_write(struct http_stream *stream, const char *bytes, size_t len);
/* Ends it from our side, as soon as the loop turns; `ended` runs then. */
void http_stream_end(struct http_stream *stream);
size_t http_stream_waiting(const struct http_stream *stream); /* bytes that the reader has not taken */

#endif

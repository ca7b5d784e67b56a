/* What the files of the HTTP client share.
 *   client.c    calls: their time limit, their connection, their end
 *   response.c  reads any answer, also a malformed one, in bounded memory */
#ifndef ABACUS_HTTP_CLIENT_INTERNAL_H
#define ABACUS_HTTP_CLIENT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct evbuffer;
struct event_base;

enum http_reading { HTTP_READING_MORE, HTTP_READING_DONE, HTTP_READING_FAILED };

struct http_response_reader {
	enum http_response_reader_state {
		HTTP_RESPONSE_READER_STATUS,     /* -> HEADERS */
		HTTP_RESPONSE_READER_HEADERS,    /* -> STATUS after 1xx, else one of the next three, or DONE */
		HTTP_RESPONSE_READER_LENGTH,     /* -> DONE */
		HTTP_RESPONSE_READER_TO_END,     /* until the peer closes */
		HTTP_RESPONSE_READER_CHUNK_SIZE, /* -> CHUNK, or TRAILERS after size 0 */
		HTTP_RESPONSE_READER_CHUNK,      /* -> CHUNK_END */
		HTTP_RESPONSE_READER_CHUNK_END,  /* -> CHUNK_SIZE */
		HTTP_RESPONSE_READER_TRAILERS,   /* -> DONE */
		HTTP_RESPONSE_READER_DONE,
	} state;
	int code;
	bool has_length, is_chunked, has_begun;
	uint64_t left;          /* of the body, or of the chunk */
	size_t line_bytes_left; /* for all lines of heads and trailers together; a chunk's size line has its own limit */
	size_t body_bytes_max;
	struct buf body;
	const char *problem; /* static; set when FAILED */
};

void http_response_reader_init(struct http_response_reader *reader, size_t body_bytes_max);
/* Reads what has arrived. Never leaves more in the input than the limit of a line. */
enum http_reading http_response_reader_read(struct http_response_reader *reader, struct evbuffer *input);
/* Call it when the peer has closed: DONE or FAILED. */
enum http_reading http_response_reader_end(struct http_response_reader *reader);
void http_response_reader_free(struct http_response_reader *reader);

#endif

/* What the files of the HTTP client share; nobody else includes it.
 *
 *   http_client.c    calls: their time, their connection, their end
 *   http_lookup.c    names to addresses, by evdns
 *   http_response.c  reading an answer, however odd, in bounded memory */
#ifndef ABACUS_HTTP_CLIENT_INTERNAL_H
#define ABACUS_HTTP_CLIENT_INTERNAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/client.h"
#include "base/status.h"

struct evbuffer;
struct event_base;

/* ---- http_lookup.c ---- */

union http_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};
struct http_addresses {
	size_t count;
	union http_address list[HTTP_CLIENT_ADDRESSES_MAX]; /* each once, in the order in which they came */
};

struct http_resolver;
struct http_resolver *http_resolver_new(struct event_base *base);
/* Look-ups must have been answered or dropped. What of them is still in evdns is freed from the loop. Not from a done. */
void http_resolver_free(struct http_resolver *resolver);
enum status http_resolver_set_nameserver(struct http_resolver *resolver, const char *address) MUST_CHECK;

/* done runs once, from the loop, never before http_lookup_start() returned; the look-up is gone then. addresses are borrowed,
 * and NULL unless OK. Else NOT_FOUND or UNAVAILABLE: the time is the caller's to bound. */
struct http_lookup;
typedef void http_lookup_done(enum status status, const struct http_addresses *addresses, const char *reason, void *arg);
struct http_lookup *http_lookup_start(struct http_resolver *resolver, const char *host, http_lookup_done *done, void *arg);
void http_lookup_drop(struct http_lookup *lookup); /* done does not run any more */

/* ---- http_response.c ---- */

enum http_reading { HTTP_READING_MORE, HTTP_READING_DONE, HTTP_READING_FAILED };

struct http_reader {
	enum http_reader_state {
		HTTP_READER_STATUS,     /* -> HEADERS */
		HTTP_READER_HEADERS,    /* -> STATUS after 1xx, else one of the next three, or DONE */
		HTTP_READER_LENGTH,     /* -> DONE */
		HTTP_READER_TO_END,     /* until the peer closes */
		HTTP_READER_CHUNK_SIZE, /* -> CHUNK, or TRAILERS after size 0 */
		HTTP_READER_CHUNK,      /* -> CHUNK_END */
		HTTP_READER_CHUNK_END,  /* -> CHUNK_SIZE */
		HTTP_READER_TRAILERS,   /* -> DONE */
		HTTP_READER_DONE,
	} state;
	int code;
	bool has_length, is_chunked, has_begun;
	uint64_t left;          /* of the body, or of the chunk */
	size_t line_bytes_left; /* for all lines together: heads, trailers, but a chunk's size line has a limit of its own */
	size_t body_bytes_max;
	struct buf body;
	const char *problem; /* static; set when FAILED */
};

void http_reader_init(struct http_reader *reader, size_t body_bytes_max);
/* Takes what there is. Never leaves more in the input than a line's limit. */
enum http_reading http_reader_read(struct http_reader *reader, struct evbuffer *input);
/* The peer has closed: DONE or FAILED. */
enum http_reading http_reader_end(struct http_reader *reader);
void http_reader_free(struct http_reader *reader);

#endif

/* Reads HTTP/1.1 request messages (RFC 9112) from bytes: no input or output, no allocation, no globals. It keeps to the strict
 * reading of the RFC, so that no peer and no proxy in front can disagree with us about where a request ends, and refuses
 * everything else by naming the rule.
 *
 * The caller keeps the bytes of one message, from its first byte on, in one buffer, and calls http_parser_read() whenever there
 * are more. The parser remembers how far it has read (`at`) and does not go back: only what it must understand (method, target,
 * fields that frame the message) it looks at once more, when the line is whole. It stores offsets into the buffer and no
 * pointers, so the buffer may move between two calls. After HEAD it looks at nothing before `at`: what lies there may be moved
 * or dropped, as long as `at` is changed by as much.
 *
 *   MORE … ──▶ HEAD ──▶ (MORE | BODY) … ──▶ END        REFUSED may come in place of each; END and REFUSED are final
 *
 * Of HTTP/1.2 to 1.9 it reads what 1.1 says (RFC 9110 §2.5); every other version is refused. */
#ifndef ABACUS_HTTP_PARSER_H
#define ABACUS_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELDS_MAX 100
/* Bytes of a chunk's size line with its extensions (and the line end before it), and of the trailer section. */
#define HTTP_CHUNK_LINE_BYTES_MAX 256
#define HTTP_CHUNK_EXTENSIONS_BYTES_MAX 16384 /* of all chunks of a message, so that tiny chunks cannot carry endless ones */
#define HTTP_TRAILER_BYTES_MAX 8192

struct http_slice { /* of the buffer */
	uint32_t start, len;
};

struct http_field {
	struct http_slice name, value; /* the value without the white space around it */
};

/* Why a message was refused. Static. */
struct http_rule {
	int code;            /* 400, 413, 414, 417, 431 or 505 */
	const char *section; /* "RFC 9112 §5.1" */
	const char *message; /* a sentence for a person: "White space stands before a colon." */
};

enum http_parser_result {
	HTTP_PARSER_MORE,    /* everything given was read */
	HTTP_PARSER_HEAD,    /* the head is whole: the fields below it are set */
	HTTP_PARSER_BODY,    /* `piece` is the next part of the body, chunks already taken apart */
	HTTP_PARSER_END,     /* the message is whole; the next one begins at `at` */
	HTTP_PARSER_REFUSED, /* `refusal` says why; the connection must close */
};

struct http_parser {
	size_t at; /* offset of the first byte that was not read */

	/* Set with HEAD. */
	struct http_slice method, target;
	int minor_version; /* of HTTP/1.x: 0 or 1 */
	unsigned field_count;
	struct http_field fields[HTTP_FIELDS_MAX];
	uint64_t content_length; /* 0 when there is none, or is_chunked */
	bool is_chunked;
	bool keeps_alive;      /* RFC 9112 §9.3 */
	bool expects_continue; /* RFC 9110 §10.1.1, and there is a body */

	struct http_slice piece;         /* set with BODY */
	const struct http_rule *refusal; /* set with REFUSED */

	/* The parser's own. */
	int state;
	unsigned seen;    /* what the head has said so far */
	size_t line_left; /* bytes that the head, the chunk's line or the trailers may still have */
	size_t extension_bytes;
	uint64_t body_left;      /* bytes that the body may still have */
	uint64_t piece_left;     /* bytes to come of a body of known length, or of the chunk */
	struct http_field field; /* the one being read */
	unsigned word_len;
	char word[20]; /* the version, or the start of a trailer's name */
};

/* head_bytes_max: request line and fields together; beyond it 414 while the request line is read, else 431. body_bytes_max: 413
 * already by Content-Length, or as soon as the chunks announce more. Both under 4 GiB. */
void http_parser_init(struct http_parser *parser, size_t head_bytes_max, uint64_t body_bytes_max);
/* bytes[0..len) is the message from its first byte on, as far as it has arrived. */
enum http_parser_result http_parser_read(struct http_parser *parser, const char *bytes, size_t len);

/* The value of the only field of this name (any case), of the first one when there are several; NULL when there is none. */
const struct http_slice *http_parser_field(const struct http_parser *parser, const char *bytes, const char *name);

#endif

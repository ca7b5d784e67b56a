/* Reads one HTTP/1.x answer (RFC 9112) to a GET with Connection: close, whatever a peer sends. Decided against evhttp's client:
 * it waits for a whole body before it checks the size, does not limit a chunk's size line, tries only the first address of a
 * name, and must not be freed in its callbacks, which is where all of this is noticed. */
#include "http/client_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define HEAD_BYTES_MAX 16384
#define CHUNK_LINE_BYTES_MAX 256
#define DIGITS_MAX 15 /* of a length: far more than any limit, far less than an overflow */

static const char not_http[] = "the answer is not HTTP";
static const char too_large[] = "the body is larger than allowed";

void http_response_reader_init(struct http_response_reader *reader, size_t body_bytes_max)
{
	*reader = (struct http_response_reader){.line_bytes_left = HEAD_BYTES_MAX, .body_bytes_max = body_bytes_max};
}

void http_response_reader_free(struct http_response_reader *reader)
{
	buf_free(&reader->body);
}

static enum http_reading failed(struct http_response_reader *reader, const char *problem)
{
	reader->problem = problem;
	return HTTP_READING_FAILED;
}

/* The next line without its end, which the caller frees; or NULL, with MORE or FAILED. */
static char *take_line(struct http_response_reader *reader, struct evbuffer *input, enum http_reading *ret_reading)
{
	bool is_size = reader->state == HTTP_RESPONSE_READER_CHUNK_SIZE || reader->state == HTTP_RESPONSE_READER_CHUNK_END;
	size_t limit = is_size ? CHUNK_LINE_BYTES_MAX : reader->line_bytes_left;
	size_t before = evbuffer_get_length(input), len, used;
	char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF);

	*ret_reading = HTTP_READING_MORE;
	used = line ? before - evbuffer_get_length(input) : before;
	if (used > limit) {
		*ret_reading = failed(reader, is_size ? not_http : "the answer's head is larger than allowed");
	} else if (line && strlen(line) != len) {
		*ret_reading = failed(reader, not_http);
	} else if (line) {
		reader->line_bytes_left -= is_size ? 0 : used;
		return line;
	}
	free(line);
	return NULL;
}

/* "HTTP/1.1 200 OK" */
static enum http_reading read_status(struct http_response_reader *reader, const char *line)
{
	static const char version[] = "HTTP/1.";
	const char *code = line + sizeof version + 1;

	if (strncmp(line, version, sizeof version - 1) != 0 || strspn(line + sizeof version - 1, "0123456789") != 1 ||
	    code[-1] != ' ' || strspn(code, "0123456789") != 3 || (code[3] && code[3] != ' '))
		return failed(reader, not_http);
	reader->code = (code[0] - '0') * 100 + (code[1] - '0') * 10 + code[2] - '0';
	if (reader->code < 100 || reader->code > 599)
		return failed(reader, not_http);
	reader->has_length = reader->is_chunked = false;
	reader->state = HTTP_RESPONSE_READER_HEADERS;
	return HTTP_READING_MORE;
}

static bool read_length(struct http_response_reader *reader, const char *value)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t length;

	if (digits == 0 || digits > DIGITS_MAX || value[digits])
		return false;
	length = strtoull(value, NULL, 10);
	if (reader->has_length && reader->left != length)
		return false;
	reader->has_length = true;
	reader->left = length;
	return true;
}

static enum http_reading read_header(struct http_response_reader *reader, char *line)
{
	size_t name_len = strcspn(line, ": \t");
	char *value = line + name_len + 1, *end = line + strlen(line);

	if (name_len == 0 || line[name_len] != ':')
		return failed(reader, not_http);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	value += strspn(value, " \t");
	line[name_len] = '\0';
	if (strcasecmp(line, "Content-Length") == 0 && !read_length(reader, value))
		return failed(reader, "the answer's length is not sound");
	if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (reader->is_chunked || strcasecmp(value, "chunked") != 0)
			return failed(reader, "the answer's transfer coding is unknown");
		reader->is_chunked = true;
	}
	return HTTP_READING_MORE;
}

/* Decides where the body ends (RFC 9112 §6.3). */
static enum http_reading head_ended(struct http_response_reader *reader)
{
	if (reader->is_chunked && reader->has_length)
		return failed(reader, "the answer's length is not sound");
	if (reader->code == 101)
		return failed(reader, not_http);
	if (reader->code < 200)
		reader->state = HTTP_RESPONSE_READER_STATUS;
	else if (reader->code == 204 || reader->code == 304)
		reader->state = HTTP_RESPONSE_READER_DONE;
	else if (reader->is_chunked)
		reader->state = HTTP_RESPONSE_READER_CHUNK_SIZE;
	else if (!reader->has_length)
		reader->state = HTTP_RESPONSE_READER_TO_END;
	else if (reader->left > reader->body_bytes_max)
		return failed(reader, too_large);
	else
		reader->state = reader->left ? HTTP_RESPONSE_READER_LENGTH : HTTP_RESPONSE_READER_DONE;
	return HTTP_READING_MORE;
}

/* "1a;extension" (RFC 9112 §7.1) */
static enum http_reading read_chunk_size(struct http_response_reader *reader, const char *line)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");
	const char *rest = line + digits;

	rest += strspn(rest, " \t");
	if (digits == 0 || digits > DIGITS_MAX || (*rest && *rest != ';'))
		return failed(reader, not_http);
	reader->left = strtoull(line, NULL, 16);
	if (reader->left > reader->body_bytes_max - reader->body.len)
		return failed(reader, too_large);
	reader->state = reader->left ? HTTP_RESPONSE_READER_CHUNK : HTTP_RESPONSE_READER_TRAILERS;
	return HTTP_READING_MORE;
}

static enum http_reading read_line(struct http_response_reader *reader, char *line)
{
	switch (reader->state) {
	case HTTP_RESPONSE_READER_STATUS:
		return read_status(reader, line);
	case HTTP_RESPONSE_READER_HEADERS:
		return *line ? read_header(reader, line) : head_ended(reader);
	case HTTP_RESPONSE_READER_CHUNK_SIZE:
		return read_chunk_size(reader, line);
	case HTTP_RESPONSE_READER_CHUNK_END:
		reader->state = HTTP_RESPONSE_READER_CHUNK_SIZE;
		return *line ? failed(reader, not_http) : HTTP_READING_MORE;
	case HTTP_RESPONSE_READER_TRAILERS:
		if (!*line)
			reader->state = HTTP_RESPONSE_READER_DONE;
		return HTTP_READING_MORE;
	default: /* has no lines */
		return HTTP_READING_MORE;
	}
}

/* Moves what has arrived of the body into it, up to `most` bytes. */
static void take_body(struct http_response_reader *reader, struct evbuffer *input, uint64_t most)
{
	size_t len = evbuffer_get_length(input);

	if (len > most)
		len = (size_t)most;
	if (len == 0)
		return;
	buf_add(&reader->body, (const char *)evbuffer_pullup(input, (ev_ssize_t)len), len);
	evbuffer_drain(input, len);
	reader->left -= reader->state == HTTP_RESPONSE_READER_TO_END ? 0 : len;
}

static bool is_in_body(const struct http_response_reader *reader)
{
	return reader->state == HTTP_RESPONSE_READER_LENGTH || reader->state == HTTP_RESPONSE_READER_CHUNK ||
	       reader->state == HTTP_RESPONSE_READER_TO_END;
}

static enum http_reading read_body(struct http_response_reader *reader, struct evbuffer *input)
{
	if (reader->state == HTTP_RESPONSE_READER_TO_END) {
		if (evbuffer_get_length(input) > reader->body_bytes_max - reader->body.len)
			return failed(reader, too_large);
		take_body(reader, input, reader->body_bytes_max);
		return HTTP_READING_MORE;
	}
	take_body(reader, input, reader->left);
	if (reader->left == 0)
		reader->state = reader->state == HTTP_RESPONSE_READER_CHUNK ? HTTP_RESPONSE_READER_CHUNK_END
									    : HTTP_RESPONSE_READER_DONE;
	return HTTP_READING_MORE;
}

enum http_reading http_response_reader_read(struct http_response_reader *reader, struct evbuffer *input)
{
	enum http_reading reading = HTTP_READING_MORE;
	char *line;

	reader->has_begun |= evbuffer_get_length(input) > 0;
	while (reading == HTTP_READING_MORE && reader->state != HTTP_RESPONSE_READER_DONE) {
		if (is_in_body(reader)) {
			if (evbuffer_get_length(input) == 0)
				break;
			reading = read_body(reader, input);
		} else if ((line = take_line(reader, input, &reading))) {
			reading = read_line(reader, line);
			free(line);
		} else {
			break;
		}
	}
	return reading == HTTP_READING_MORE && reader->state == HTTP_RESPONSE_READER_DONE ? HTTP_READING_DONE : reading;
}

enum http_reading http_response_reader_end(struct http_response_reader *reader)
{
	if (reader->state == HTTP_RESPONSE_READER_DONE || reader->state == HTTP_RESPONSE_READER_TO_END)
		return HTTP_READING_DONE;
	return failed(reader, reader->has_begun ? "the answer was cut off" : "the connection was closed without an answer");
}

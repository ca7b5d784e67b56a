/* What the parser makes of one message that arrives in parts. Each part comes in a buffer of its own, exactly as large as what
 * has arrived, in which the bytes that the parser has no reason to look at again are gone: after the head all that lie before
 * `at`, in the head all of them too, but for the slices of a line that becomes whole with this part. */
#ifndef ABACUS_TESTS_HTTP_PARSER_READING_H
#define ABACUS_TESTS_HTTP_PARSER_READING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/parser.h"

#define READING_HEAD_MAX 8192
#define READING_BODY_MAX 131072

struct reading {
	struct http_parser parser;
	enum http_parser_result result; /* the last one */
	size_t end;                     /* how many bytes of the message were read */
	size_t base;                    /* how many bytes are gone from the buffer's start */
	char *text;                     /* "GET / 1.1\nHost: a\n\nbody", as far as it was read */
	size_t text_len, body_bytes;
	bool has_head;
	size_t *line_end; /* for each byte in a slice of the head where its line ends, 0 for the others; NULL without a head */
};

static void reading_check(bool holds)
{
	if (!holds)
		abort();
}

static void reading_add(struct reading *reading, const char *bytes, struct http_slice slice, const char *after)
{
	reading->text = realloc(reading->text, reading->text_len + slice.len + strlen(after) + 1);
	reading_check(reading->text);
	memcpy(reading->text + reading->text_len, bytes + slice.start, slice.len);
	reading->text_len += slice.len;
	strcpy(reading->text + reading->text_len, after);
	reading->text_len += strlen(after);
}

static void reading_mark(struct reading *reading, const char *message, struct http_slice slice)
{
	const char *lf = memchr(message + slice.start, '\n', reading->parser.at - slice.start);
	size_t end = (size_t)(lf - message);

	for (size_t i = 0; i < slice.len; i++)
		reading->line_end[slice.start + i] = end;
}

static void reading_add_head(struct reading *reading, const char *message)
{
	const struct http_parser *parser = &reading->parser;

	reading->line_end = calloc(parser->at, sizeof *reading->line_end);
	reading_check(reading->line_end);
	reading_mark(reading, message, parser->method);
	reading_mark(reading, message, parser->target);
	reading_add(reading, message, parser->method, " ");
	reading_add(reading, message, parser->target, parser->minor_version ? " 1.1\n" : " 1.0\n");
	for (unsigned i = 0; i < parser->field_count; i++) {
		reading_add(reading, message, parser->fields[i].name, ": ");
		reading_add(reading, message, parser->fields[i].value, "\n");
		reading_mark(reading, message, parser->fields[i].name);
		reading_mark(reading, message, parser->fields[i].value);
	}
	reading_add(reading, message, (struct http_slice){0}, "\n");
	reading->has_head = true;
}

static bool reading_is_before(struct http_slice slice, size_t at)
{
	return slice.start <= at && slice.len <= at - slice.start;
}

/* Every slice lies in what was read. */
static void reading_check_slices(const struct http_parser *parser)
{
	reading_check(parser->field_count <= HTTP_FIELDS_MAX);
	reading_check(reading_is_before(parser->method, parser->at) && reading_is_before(parser->target, parser->at));
	for (unsigned i = 0; i < parser->field_count; i++)
		reading_check(reading_is_before(parser->fields[i].name, parser->at) &&
			      reading_is_before(parser->fields[i].value, parser->at));
}

/* Calls the parser until it has read all that there is. */
static void reading_go_on(struct reading *reading, const char *message, const char *bytes, size_t len)
{
	const struct http_parser *parser = &reading->parser;

	do {
		size_t at = parser->at;

		reading->result = http_parser_read(&reading->parser, bytes, len);
		reading_check(parser->at >= at && parser->at <= len);
		reading_check(reading->result != HTTP_PARSER_MORE || parser->at == len);
		if (reading->result == HTTP_PARSER_HEAD) {
			reading_check_slices(parser);
			reading_add_head(reading, message);
		} else if (reading->result == HTTP_PARSER_BODY) {
			reading_check(parser->piece.start >= at && parser->piece.start + parser->piece.len == parser->at);
			reading_add(reading, bytes, parser->piece, "");
			reading->body_bytes += parser->piece.len;
		}
	} while (reading->result == HTTP_PARSER_HEAD || reading->result == HTTP_PARSER_BODY);
	reading->end = reading->base + reading->parser.at;
}

static bool reading_is_over(const struct reading *reading)
{
	return reading->result == HTTP_PARSER_END || reading->result == HTTP_PARSER_REFUSED;
}

/* The next part, up to message[0..len); `whole` is the reading of the whole message at once, if that has a head. */
static void reading_take(struct reading *reading, const char *message, size_t len, const struct reading *whole)
{
	char *bytes;

	if (reading->has_head) {
		reading->base += reading->parser.at;
		reading->parser.at = 0;
	}
	bytes = malloc(len - reading->base);
	reading_check(bytes || len == reading->base);
	if (len > reading->base)
		memcpy(bytes, message + reading->base, len - reading->base);
	if (whole && whole->line_end && !reading->has_head)
		for (size_t i = 0; i < reading->parser.at; i++)
			if (whole->line_end[i] < reading->parser.at || whole->line_end[i] >= len)
				bytes[i] = '\0';
	reading_go_on(reading, message, bytes, len - reading->base);
	free(bytes);
}

/* In parts: the first `first` bytes (0: no such part), then `step` bytes each. */
static struct reading reading_of(const char *message, size_t len, size_t first, size_t step, const struct reading *whole)
{
	struct reading reading = {0};
	size_t have = 0;

	http_parser_init(&reading.parser, READING_HEAD_MAX, READING_BODY_MAX);
	reading_add(&reading, "", (struct http_slice){0}, "");
	do {
		have += have == 0 && first > 0 ? first : step;
		have = have < len ? have : len;
		reading_take(&reading, message, have, whole);
	} while (have < len && !reading_is_over(&reading));
	return reading;
}

/* NULL, or what differs. */
static inline const char *reading_difference(const struct reading *a, const struct reading *b)
{
	if (a->result != b->result || a->parser.refusal != b->parser.refusal)
		return "the result";
	if (a->end != b->end)
		return "where it ends";
	if (a->text_len != b->text_len || memcmp(a->text, b->text, a->text_len) != 0)
		return "what was read";
	if (a->has_head &&
	    (a->parser.content_length != b->parser.content_length || a->parser.is_chunked != b->parser.is_chunked ||
	     a->parser.keeps_alive != b->parser.keeps_alive || a->parser.expects_continue != b->parser.expects_continue))
		return "what the head said";
	return NULL;
}

static void reading_free(struct reading *reading)
{
	free(reading->text);
	free(reading->line_end);
}

#endif

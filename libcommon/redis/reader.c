/* Reads replies in RESP2 (https://redis.io/docs/reference/protocol-spec/), as they arrive. hiredis's own reader allocates for
 * as many elements as a peer announces, and its asynchronous contexts end the process when a reply comes that no command asked
 * for; this one allocates for what has arrived, and within bounds. */
#include "redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

#define LINE_BYTES_MAX (64 * 1024)
#define TEXT_BYTES_MAX (64L << 20)   /* the longest result there can be is a tenth of it */
#define REPLY_BYTES_MAX (80UL << 20) /* of all of a reply's texts and lines */
#define ELEMENTS_MAX (128 * 1024)    /* of all of a reply's arrays; a read of a thousand entries has some 11,000 */
#define KEPT_BYTES (64 * 1024)

/* A line without its end; NULL: there is none yet. */
static char *take_line(struct redis_reader *reader, size_t *ret_len)
{
	char *line = reader->in.bytes + reader->at, *end = memchr(line, '\n', reader->in.len - reader->at);

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line);
	return line;
}

static redisReply *reply_new(int type, const char *bytes, size_t len)
{
	redisReply *reply = mem_alloc(sizeof *reply);

	reply->type = type;
	if (bytes) {
		reply->str = mem_alloc(len + 1);
		memcpy(reply->str, bytes, len);
		reply->len = len;
	}
	return reply;
}

/* The number behind a line's first character. */
static enum status line_number(const char *line, size_t len, int64_t *ret_number)
{
	char text[INT64_TEXT_BYTES];

	if (len < 2 || len > sizeof text)
		return STATUS_INVALID;
	memcpy(text, line + 1, len - 1);
	text[len - 1] = '\0';
	return strlen(text) == len - 1 ? int64_parse(text, ret_number) : STATUS_INVALID; /* a NUL is no digit */
}

/* The bytes of a text follow its line; the rest of the line has been checked. *ret_reply NULL: they have not arrived. */
static enum status read_text(const struct redis_reader *reader, size_t from, int64_t length, redisReply **ret_reply,
			     size_t *ret_used)
{
	size_t end = from + (size_t)length;

	if (length < 0 || length > TEXT_BYTES_MAX)
		return STATUS_INVALID;
	if (reader->in.len < end + 2)
		return STATUS_OK;
	if (memcmp(reader->in.bytes + end, "\r\n", 2) != 0)
		return STATUS_INVALID;
	*ret_reply = reply_new(REDIS_REPLY_STRING, reader->in.bytes + from, (size_t)length);
	*ret_used = end + 2 - reader->at;
	return STATUS_OK;
}

static enum status open_array(struct redis_reader *reader, int64_t length, redisReply **ret_reply)
{
	if (length < 0 || length > ELEMENTS_MAX || (length > 0 && reader->depth == REDIS_REPLY_DEPTH_MAX))
		return STATUS_INVALID;
	*ret_reply = reply_new(REDIS_REPLY_ARRAY, NULL, 0);
	return STATUS_OK;
}

/* line: without its end, whose \n is at from - 1. */
static enum status read_item(struct redis_reader *reader, const char *line, size_t len, redisReply **ret_reply,
			     size_t *ret_used, int64_t *ret_elements)
{
	size_t from = *ret_used + reader->at;
	int64_t number = 0;

	if (*line == '+' || *line == '-') {
		*ret_reply = reply_new(*line == '+' ? REDIS_REPLY_STATUS : REDIS_REPLY_ERROR, line + 1, len - 1);
		return STATUS_OK;
	}
	if ((*line != ':' && *line != '$' && *line != '*') || line_number(line, len, &number) != STATUS_OK)
		return STATUS_INVALID;
	if (*line == ':') {
		*ret_reply = reply_new(REDIS_REPLY_INTEGER, NULL, 0);
		(*ret_reply)->integer = number;
		return STATUS_OK;
	}
	if (number == -1) {
		*ret_reply = reply_new(REDIS_REPLY_NIL, NULL, 0);
		return STATUS_OK;
	}
	*ret_elements = *line == '*' ? number : 0;
	return *line == '*' ? open_array(reader, number, ret_reply) : read_text(reader, from, number, ret_reply, ret_used);
}

/* The array grows with what arrives: its capacity is the power of two that is not less than its elements. */
static void append(redisReply *array, redisReply *element)
{
	size_t count = array->elements;

	if ((count & (count - 1)) == 0)
		array->element = mem_resize(array->element, (count ? 2 * count : 1) * sizeof(redisReply *));
	array->element[array->elements++] = element;
}

/* Puts it where it belongs. Returns the whole reply when nothing of it is missing any more. */
static redisReply *place(struct redis_reader *reader, redisReply *item, int64_t elements)
{
	if (reader->depth > 0) {
		append(reader->open[reader->depth - 1].array, item);
		reader->open[reader->depth - 1].missing--;
	} else {
		reader->root = item;
	}
	if (elements > 0)
		reader->open[reader->depth++] = (struct redis_open_array){item, elements};
	while (reader->depth > 0 && reader->open[reader->depth - 1].missing == 0)
		reader->depth--;
	if (reader->depth > 0)
		return NULL;
	item = reader->root;
	reader->root = NULL;
	reader->used = 0;
	reader->elements = 0;
	return item;
}

static void forget_read(struct redis_reader *reader)
{
	reader->in.len -= reader->at;
	if (reader->in.len == 0 && reader->in.capacity > KEPT_BYTES)
		buf_free(&reader->in);
	else if (reader->at > 0)
		memmove(reader->in.bytes, reader->in.bytes + reader->at, reader->in.len);
	reader->at = 0;
}

/* One line, and the text behind it. *ret_item NULL: it has not arrived yet. */
static enum status next_item(struct redis_reader *reader, redisReply **ret_item, int64_t *ret_elements)
{
	size_t len, used;
	char *line = reader->in.len > reader->at ? take_line(reader, &len) : NULL;

	*ret_item = NULL;
	*ret_elements = 0;
	if (!line)
		return reader->in.len - reader->at > LINE_BYTES_MAX ? STATUS_INVALID : STATUS_OK;
	if (len < 2 || len > LINE_BYTES_MAX || line[len - 1] != '\r')
		return STATUS_INVALID;
	used = len + 1;
	if (read_item(reader, line, len - 1, ret_item, &used, ret_elements) != STATUS_OK)
		return STATUS_INVALID;
	if (!*ret_item)
		return STATUS_OK;
	reader->at += used;
	reader->used += used;
	reader->elements++;
	return STATUS_OK;
}

void redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t len)
{
	forget_read(reader);
	buf_add(&reader->in, bytes, len);
}

enum status redis_reader_next(struct redis_reader *reader, redisReply **ret_reply)
{
	redisReply *item;
	int64_t elements;

	*ret_reply = NULL;
	do {
		if (next_item(reader, &item, &elements) != STATUS_OK || reader->used > REPLY_BYTES_MAX ||
		    reader->elements > ELEMENTS_MAX) {
			freeReplyObject(item);
			return STATUS_INVALID;
		}
		if (item)
			*ret_reply = place(reader, item, elements);
	} while (item && !*ret_reply);
	return STATUS_OK;
}

void redis_reader_free(struct redis_reader *reader)
{
	freeReplyObject(reader->root);
	buf_free(&reader->in);
	*reader = (struct redis_reader){0};
}

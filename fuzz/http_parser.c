/* One message, of any bytes. Invariants:
 * - splitting it anywhere changes nothing, though what lies before `at` is gone from the buffer (tests/http/parser_reading.h);
 * - every slice lies in what was read, and `at` only grows (the same);
 * - what was accepted is soundly framed: it has the length that its head gave, and no line end or NUL in its head;
 * - what was read, written anew, is read as the same. */
#include "fuzz.h"
#include "tests/http/parser_reading.h"

static void check_same(const struct reading *whole, struct reading parts)
{
	reading_check(!reading_difference(whole, &parts));
	reading_free(&parts);
}

/* Byte by byte; in two, at every place of a short message and at some of a long one. */
static void check_splits(const struct reading *whole, const char *message, size_t len)
{
	size_t step = len / 32 + 1;

	check_same(whole, reading_of(message, len, 0, 1, whole));
	for (size_t first = 1; first < len; first += step)
		check_same(whole, reading_of(message, len, first, len, whole));
}

static void check_head(const struct reading *whole)
{
	const char *end = strstr(whole->text, "\n\n");

	reading_check(end && !memchr(whole->text, '\r', (size_t)(end - whole->text)));
	reading_check(whole->parser.content_length <= READING_BODY_MAX);
	reading_check(!whole->parser.is_chunked || (whole->parser.content_length == 0 && whole->parser.minor_version == 1));
}

static void check_end(const struct reading *whole, const char *message)
{
	reading_check(whole->body_bytes <= READING_BODY_MAX);
	reading_check(memcmp(message + whole->end - whole->body_bytes, whole->text + whole->text_len - whole->body_bytes,
			     whole->parser.is_chunked ? 0 : whole->body_bytes) == 0);
	if (whole->parser.is_chunked)
		reading_check(memcmp(message + whole->end - 2, "\r\n", 2) == 0);
	else
		reading_check(whole->body_bytes == whole->parser.content_length);
}

/* The same message in its shortest form, and its body in one chunk. */
static char *write_anew(const struct reading *whole, size_t *ret_len)
{
	size_t head_len = (size_t)(strstr(whole->text, "\n\n") - whole->text) + 1, len = 0;
	char *message = malloc(head_len * 2 + whole->body_bytes + 100), *version;

	for (size_t i = 0; i < head_len; i++) {
		if (whole->text[i] == '\n')
			message[len++] = '\r';
		message[len++] = whole->text[i];
	}
	version = (char *)memchr(message, '\r', len) - 3;
	memmove(version + 5, version, len - (size_t)(version - message));
	memcpy(version, "HTTP/", 5);
	len += 5;
	len += (size_t)sprintf(message + len, whole->parser.is_chunked && whole->body_bytes ? "\r\n%zx\r\n" : "\r\n",
			       whole->body_bytes);
	memcpy(message + len, whole->text + whole->text_len - whole->body_bytes, whole->body_bytes);
	len += whole->body_bytes;
	if (whole->parser.is_chunked)
		len += (size_t)sprintf(message + len, whole->body_bytes ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
	*ret_len = len;
	return message;
}

static void check_written_anew(const struct reading *whole)
{
	size_t len;
	char *message = write_anew(whole, &len);
	struct reading again = reading_of(message, len, 0, len, NULL);

	reading_check(again.result == HTTP_PARSER_END || again.parser.refusal->code == 431);
	reading_check(again.result != HTTP_PARSER_END || (again.end == len && again.text_len == whole->text_len &&
							  memcmp(again.text, whole->text, again.text_len) == 0));
	reading_free(&again);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *message = (const char *)data;
	struct reading whole = reading_of(message, size, 0, size, NULL);

	check_splits(&whole, message, size);
	if (whole.has_head)
		check_head(&whole);
	if (whole.result == HTTP_PARSER_END) {
		check_end(&whole, message);
		check_written_anew(&whole);
	}
	reading_free(&whole);
	return 0;
}

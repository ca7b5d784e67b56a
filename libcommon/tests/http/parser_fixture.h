/* Each message is read whole, byte by byte, and split in two at every place, always with the same outcome. */
#ifndef ABACUS_TESTS_HTTP_PARSER_FIXTURE_H
#define ABACUS_TESTS_HTTP_PARSER_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/http/parser_reading.h"

#define SPLITS_MAX 1500 /* longer messages are split near their start and their end only */

static void assert_same(const struct reading *whole, struct reading parts, const char *message, size_t first)
{
	const char *difference = reading_difference(whole, &parts);

	reading_free(&parts);
	if (difference)
		fail_msg("%s differs, split at %zu: %.200s", difference, first, message);
}

/* Free its text. */
static struct reading read_bytes(const char *message, size_t len)
{
	struct reading whole = reading_of(message, len, 0, len, NULL);

	assert_same(&whole, reading_of(message, len, 0, 1, &whole), message, 0);
	for (size_t first = 1; first < len; first++)
		if (first < SPLITS_MAX || len - first < SPLITS_MAX)
			assert_same(&whole, reading_of(message, len, first, len, &whole), message, first);
	return whole;
}

static inline void assert_bytes_refused(const char *message, size_t len, int code, const char *sentence)
{
	struct reading reading = read_bytes(message, len);

	if (reading.result != HTTP_PARSER_REFUSED)
		fail_msg("was not refused (%d): %s", reading.result, message);
	if (reading.parser.refusal->code != code || strcmp(reading.parser.refusal->message, sentence) != 0)
		fail_msg("%d %s: %s", reading.parser.refusal->code, reading.parser.refusal->message, message);
	assert_int_equal(http_parser_read(&reading.parser, message, len), HTTP_PARSER_REFUSED);
	reading_free(&reading);
}

static inline void assert_refused(const char *message, int code, const char *sentence)
{
	assert_bytes_refused(message, strlen(message), code, sentence);
}

/* The message is whole, and all of it was read. The parser is returned for a look at the rest. */
static inline struct http_parser assert_bytes_read(const char *message, size_t len, const char *text)
{
	struct reading reading = read_bytes(message, len);

	if (reading.result != HTTP_PARSER_END)
		fail_msg("%d %s: %s", reading.result, reading.parser.refusal ? reading.parser.refusal->message : "", message);
	assert_int_equal(reading.end, len);
	if (text)
		assert_string_equal(reading.text, text);
	reading_free(&reading);
	return reading.parser;
}

static inline struct http_parser assert_read(const char *message, const char *text)
{
	return assert_bytes_read(message, strlen(message), text);
}

/* All was read, and there must be more to come. */
static inline void assert_unfinished(const char *message)
{
	struct reading reading = read_bytes(message, strlen(message));

	if (reading.result != HTTP_PARSER_MORE)
		fail_msg("%d: %s", reading.result, message);
	reading_free(&reading);
}

#endif

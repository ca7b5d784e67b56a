/* What our server would make of the bytes of a connection, for comparison with others (run.mjs). On stdin, again and again:
 *     u32 len, u32 step, bytes[len]        step: how many bytes arrive at a time, 0: all at once
 * On stdout for each: its messages, each
 *     u8 'M' (whole) or 'H' (its head alone), u32 start, u32 method_len, u32 target_len, u32 len, text[len]
 * then what came in the end,
 *     u8 'E' (they were read), 'P' (more is needed) or 'R' (refused), u32 code, u32 len, sentence[len]
 * Integers are those of this machine. The text of a message is "GET / 1.1\nHost: a\n\nbody". Like the server, it reads nothing
 * behind a message that closes the connection, or that may take it over. */
#include <stdio.h>

#include "tests/http/parser_reading.h"

static void put(char tag, const uint32_t *numbers, size_t count, const char *text)
{
	putchar(tag);
	fwrite(numbers, sizeof *numbers, count, stdout);
	fwrite(text, 1, numbers[count - 1], stdout);
}

static bool is_last(const struct http_parser *parser, const char *message)
{
	return !parser->keeps_alive || http_parser_field(parser, message, "Upgrade") ||
	       (parser->method.len == 7 && memcmp(message + parser->method.start, "CONNECT", 7) == 0);
}

static void put_message(const struct reading *reading, size_t start)
{
	const struct http_parser *parser = &reading->parser;
	uint32_t numbers[] = {(uint32_t)start + parser->method.start, parser->method.len, parser->target.len,
			      (uint32_t)reading->text_len};

	put(reading->result == HTTP_PARSER_END ? 'M' : 'H', numbers, 4, reading->text);
}

static void put_end(const struct reading *reading)
{
	const struct http_rule *rule = reading->parser.refusal;
	uint32_t numbers[] = {rule ? (uint32_t)rule->code : 0, rule ? (uint32_t)strlen(rule->message) : 0};

	put(rule ? 'R' : reading->result == HTTP_PARSER_END ? 'E' : 'P', numbers, 2, rule ? rule->message : "");
}

static void read_stream(const char *bytes, size_t len, size_t step)
{
	struct reading reading;
	size_t start = 0;
	bool goes_on;

	do {
		reading = reading_of(bytes + start, len - start, 0, step ? step : len, NULL);
		if (reading.has_head)
			put_message(&reading, start);
		goes_on = reading.result == HTTP_PARSER_END && start + reading.end < len &&
			  !is_last(&reading.parser, bytes + start);
		start += reading.end;
		if (!goes_on)
			put_end(&reading);
		reading_free(&reading);
	} while (goes_on);
}

int main(void)
{
	uint32_t head[2];

	while (fread(head, sizeof head, 1, stdin) == 1) {
		char *bytes = malloc(head[0] + 1);

		if (!bytes || fread(bytes, 1, head[0], stdin) != head[0])
			return 1;
		read_stream(bytes, head[0], head[1]);
		free(bytes);
	}
	return 0;
}

/* Logs: one JSON object a line on stdout (ts level service instance msg …). The lines of one loop turn are written together, so
 * that a busy daemon pays one write(2) for many. A line at LOG_WARN or above, and exit, flush at once. A warning or error that
 * is the same as one that was written lately, but for the time, is only counted: one line then stands for many, and says for
 * how many: "repeated": 4711. While it goes on coming that line is written after a second, and then after twice as long each
 * time, up to a minute; when it comes again after ten quiet seconds it is written at once. A log that is not read holds up no
 * process: writing never waits, and what a reader leaves waiting is bounded (log_output.h). Never log a secret, a token, a
 * password, a body or an e-mail address. */
#ifndef ABACUS_BASE_LOG_H
#define ABACUS_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

struct event_base;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* service and instance are copied. Before this call, lines carry the program's name. */
void log_init(const char *service, const char *instance, enum log_level least);
/* Buffers lines until the end of the loop's turn; NULL: writes each at once again. Call it after fork(), in each process. */
void log_attach(struct event_base *base);
/* Call it in a child after fork(): what has not been written yet is left to the parent. */
void log_forked(void);
void log_flush(void); /* writes what is buffered, and the counts of repeated lines that are due */
const char *log_instance(void);

/* A field of a line. Build with the macros below; borrowed strings are read before log_line() returns. */
struct log_field {
	const char *name;
	enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_MS } type; /* LOG_FIELD_MS: a double, three decimals */
	const char *text;                                          /* NULL leaves the field out */
	int64_t integer;
	double ms;
};
#define LOG_TEXT(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_TEXT, .text = (v)})
#define LOG_INT(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_INT, .integer = (v)})
#define LOG_MS(n, v) ((struct log_field){.name = (n), .type = LOG_FIELD_MS, .ms = (v)})

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);
/* log_line(LOG_WARN, "postgres connection lost", LOG_TEXT("reason", why), LOG_INT("in_flight", n)); */
#define log_line(level, msg, ...)                                                     \
	log_write((level), (msg), (const struct log_field[]){{0}, ##__VA_ARGS__} + 1, \
		  sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)

#endif

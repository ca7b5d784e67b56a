#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/loop.h"
#include "base/mem.h"

#define BUFFERED_BYTES_MAX (64 * 1024)

static struct {
	enum log_level least;
	char *instance;
	char *origin; /* ,"service":…,"instance":…,"msg": the same in every line */
	struct buf lines;
	struct loop_deferred *flush;
} log_state = {.least = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *service, const char *instance, enum log_level least)
{
	struct buf origin = {0};

	buf_text(&origin, ",\"service\":");
	json_write_text(&origin, service);
	buf_text(&origin, ",\"instance\":");
	json_write_text(&origin, instance);
	buf_text(&origin, ",\"msg\":");
	free(log_state.origin);
	free(log_state.instance);
	log_state.origin = origin.bytes;
	log_state.instance = mem_strdup(instance);
	log_state.least = least;
}

const char *log_instance(void)
{
	return log_state.instance ? log_state.instance : program_invocation_short_name;
}

static void flush_deferred(void *arg)
{
	log_flush();
}

void log_attach(struct event_base *base)
{
	static bool will_flush_at_exit;

	log_flush();
	if (base && !will_flush_at_exit)
		will_flush_at_exit = atexit(log_flush) == 0;
	loop_deferred_free(log_state.flush);
	log_state.flush = base ? loop_deferred_new(base, flush_deferred, NULL) : NULL;
}

void log_flush(void)
{
	size_t written = 0;

	while (written < log_state.lines.len) {
		ssize_t n = write(STDOUT_FILENO, log_state.lines.bytes + written, log_state.lines.len - written);

		if (n < 0 && errno != EINTR)
			break; /* there is nowhere left to report it */
		written += n > 0 ? (size_t)n : 0;
	}
	log_state.lines.len = 0;
}

static void add_ms(struct buf *line, double ms)
{
	int64_t us;

	if (!(ms > -1e12 && ms < 1e12)) { /* over 30 years, or not a number */
		buf_add(line, "null", 4);
		return;
	}
	us = llround(ms * 1000);
	if (us < 0) {
		buf_add(line, "-", 1);
		us = -us;
	}
	buf_int(line, us / 1000);
	buf_add(line, (char[]){'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)}, 4);
}

static void add_field(struct buf *line, const struct log_field *field)
{
	if (field->type == LOG_FIELD_TEXT && !field->text)
		return;
	json_write_key(line, field->name);
	if (field->type == LOG_FIELD_TEXT)
		json_write_text(line, field->text);
	else if (field->type == LOG_FIELD_INT)
		json_write_int(line, field->integer);
	else
		add_ms(line, field->ms);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
	struct buf *line = &log_state.lines;
	char now[CLOCK_TEXT_BYTES];

	if (level < log_state.least)
		return;
	if (!log_state.origin)
		log_init(program_invocation_short_name, program_invocation_short_name, log_state.least);
	clock_format(clock_unix_ms(), now);
	buf_add(line, "{\"ts\":\"", 7);
	buf_add(line, now, CLOCK_TEXT_BYTES - 1);
	buf_text(line, "\",\"level\":\"");
	buf_text(line, level_names[level]);
	buf_add(line, "\"", 1);
	buf_text(line, log_state.origin);
	json_write_text(line, msg);
	for (size_t i = 0; i < count; i++)
		add_field(line, &fields[i]);
	buf_add(line, "}\n", 2);
	if (level >= LOG_WARN || !log_state.flush || line->len > BUFFERED_BYTES_MAX)
		log_flush();
	else
		loop_deferred_schedule(log_state.flush);
}

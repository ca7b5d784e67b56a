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
#define REPEATS 16 /* different warnings and errors that are remembered */
#define REPEAT_MS 1000

/* A warning or error that was written lately. */
struct repeat {
	struct buf text; /* the line without its time */
	int64_t written_us;
	int64_t left_out; /* since then */
};

static struct {
	enum log_level least;
	char *instance;
	char *origin; /* ,"service":…,"instance":…,"msg": the same in every line */
	struct buf text, lines;
	struct repeat repeats[REPEATS];
	struct loop_deferred *flush;
	struct loop_timer *tick;
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

static void write_lines(void)
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

/* times: how many events the line stands for. */
static void add_line(const struct buf *text, int64_t times)
{
	struct buf *lines = &log_state.lines;
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_unix_ms(), now);
	buf_add(lines, "{\"ts\":\"", 7);
	buf_add(lines, now, CLOCK_TEXT_BYTES - 1);
	buf_add(lines, text->bytes, text->len);
	if (times > 1)
		add_field(lines, &LOG_INT("repeated", times));
	buf_add(lines, "}\n", 2);
}

/* ---- repeated warnings and errors ---- */

static bool is_due(const struct repeat *repeat)
{
	return clock_monotonic_us() - repeat->written_us >= REPEAT_MS * 1000;
}

static void report_left_out(struct repeat *repeat)
{
	if (repeat->left_out > 0)
		add_line(&repeat->text, repeat->left_out);
	repeat->left_out = 0;
	repeat->written_us = clock_monotonic_us();
}

static struct repeat *find_repeat(const struct buf *text)
{
	for (struct repeat *repeat = log_state.repeats; repeat < log_state.repeats + REPEATS; repeat++)
		if (repeat->text.len == text->len && memcmp(repeat->text.bytes, text->bytes, text->len) == 0)
			return repeat;
	return NULL;
}

static struct repeat *least_recent(void)
{
	struct repeat *least = log_state.repeats;

	for (int i = 1; i < REPEATS; i++)
		if (log_state.repeats[i].written_us < least->written_us)
			least = &log_state.repeats[i];
	return least;
}

/* Adds the line, or only counts it if the same was written less than a second ago. The text decides, and not the message alone,
 * because another field is another fact. */
static void add_or_count(const struct buf *text)
{
	struct repeat *repeat = find_repeat(text);

	if (!repeat) {
		repeat = least_recent();
		report_left_out(repeat);
		repeat->text.len = 0;
		buf_add(&repeat->text, text->bytes, text->len);
		repeat->left_out = 1;
		report_left_out(repeat);
		return;
	}
	repeat->left_out++;
	if (is_due(repeat))
		report_left_out(repeat);
	else if (log_state.tick && !loop_timer_is_running(log_state.tick))
		loop_timer_start(log_state.tick, REPEAT_MS);
}

/* Returns whether some are left. */
static bool report_repeats(bool is_last)
{
	bool is_any_left = false;

	for (struct repeat *repeat = log_state.repeats; repeat < log_state.repeats + REPEATS; repeat++) {
		if (repeat->left_out > 0 && (is_last || is_due(repeat)))
			report_left_out(repeat);
		is_any_left |= repeat->left_out > 0;
	}
	return is_any_left;
}

/* ---- writing ---- */

static void flush_deferred(void *arg)
{
	log_flush();
}

static void tick(void *arg)
{
	if (report_repeats(false))
		loop_timer_start(log_state.tick, REPEAT_MS);
	write_lines();
}

static void flush_last(void)
{
	report_repeats(true);
	write_lines();
}

void log_attach(struct event_base *base)
{
	static bool will_flush_at_exit;

	flush_last();
	if (base && !will_flush_at_exit)
		will_flush_at_exit = atexit(flush_last) == 0;
	loop_deferred_free(log_state.flush);
	loop_timer_free(log_state.tick);
	log_state.flush = base ? loop_deferred_new(base, flush_deferred, NULL) : NULL;
	log_state.tick = base ? loop_timer_new(base, tick, NULL) : NULL;
}

void log_flush(void)
{
	report_repeats(false);
	write_lines();
}

static void compose(struct buf *text, enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
	text->len = 0;
	buf_text(text, "\",\"level\":\"");
	buf_text(text, level_names[level]);
	buf_add(text, "\"", 1);
	buf_text(text, log_state.origin);
	json_write_text(text, msg);
	for (size_t i = 0; i < count; i++)
		add_field(text, &fields[i]);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
	if (level < log_state.least)
		return;
	if (!log_state.origin)
		log_init(program_invocation_short_name, program_invocation_short_name, log_state.least);
	compose(&log_state.text, level, msg, fields, count);
	if (level >= LOG_WARN)
		add_or_count(&log_state.text);
	else
		add_line(&log_state.text, 1);
	if (level >= LOG_WARN || !log_state.flush || log_state.lines.len > BUFFERED_BYTES_MAX)
		write_lines();
	else
		loop_deferred_schedule(log_state.flush);
}

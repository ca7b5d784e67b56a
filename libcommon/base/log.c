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
#include "base/log_output.h"
#include "base/loop.h"
#include "base/mem.h"

#define BUFFERED_BYTES_MAX (64 * 1024)
/* Longest times that the end of a process waits for a reader of its last lines: for one that takes nothing, and in all. A
 * supervisor kills a process two seconds after the time to drain. */
#define EXIT_REST_MS 500
#define EXIT_MS 1500
#define REPEATS 16 /* different warnings and errors that are remembered */
/* Until the same is written again: doubled each time up to the maximum, and anew after it has not come for a while. */
#define REPEAT_MS 1000
#define REPEAT_MS_MAX 60000
#define QUIET_MS 10000

/* A warning or error that was written lately. */
struct repeat {
	struct buf text; /* the line without its time */
	int64_t written_us, seen_us;
	int64_t left_out; /* since it was written */
	int64_t interval_ms;
};

static struct {
	enum log_level least;
	char *instance;
	char *origin; /* ,"service":…,"instance":…,"msg": the same in every line */
	struct buf text, line;
	struct repeat repeats[REPEATS];
	struct event_base *base; /* NULL: each line is written at once */
	struct loop_deferred *flush;
	struct loop_timer *tick;
	struct event *writable; /* while lines wait for a reader */
} log_state = {.least = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void flush_at_exit(void);

void log_init(const char *service, const char *instance, enum log_level least)
{
	static bool will_flush_at_exit;
	struct buf origin = {0};

	if (!will_flush_at_exit)
		will_flush_at_exit = atexit(flush_at_exit) == 0;
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

/* times: how many events the line stands for. */
static void add_line(const struct buf *text, int64_t times)
{
	struct buf *line = &log_state.line;
	char now[CLOCK_TEXT_BYTES];

	clock_format(clock_unix_ms(), now);
	line->len = 0;
	buf_add(line, "{\"ts\":\"", 7);
	buf_add(line, now, CLOCK_TEXT_BYTES - 1);
	buf_add(line, text->bytes, text->len);
	if (times > 1)
		add_field(line, &LOG_INT("repeated", times));
	buf_add(line, "}\n", 2);
	log_output_add(line->bytes, line->len);
}

/* ---- repeated warnings and errors ---- */

static bool is_quiet(const struct repeat *repeat)
{
	return clock_monotonic_us() - repeat->seen_us >= QUIET_MS * 1000;
}

static bool is_due(const struct repeat *repeat)
{
	return clock_monotonic_us() - repeat->written_us >= repeat->interval_ms * 1000 || is_quiet(repeat);
}

static void begin_anew(struct repeat *repeat)
{
	repeat->interval_ms = 0;
}

static void report_left_out(struct repeat *repeat)
{
	int64_t next_ms = repeat->interval_ms == 0 ? REPEAT_MS : 2 * repeat->interval_ms;

	if (repeat->left_out > 0)
		add_line(&repeat->text, repeat->left_out);
	repeat->left_out = 0;
	repeat->written_us = clock_monotonic_us();
	repeat->interval_ms = next_ms < REPEAT_MS_MAX ? next_ms : REPEAT_MS_MAX;
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
		if (log_state.repeats[i].seen_us < least->seen_us)
			least = &log_state.repeats[i];
	return least;
}

static struct repeat *remember(const struct buf *text)
{
	struct repeat *repeat = least_recent();

	report_left_out(repeat);
	repeat->text.len = 0;
	buf_add(&repeat->text, text->bytes, text->len);
	begin_anew(repeat);
	return repeat;
}

/* Adds the line, or only counts it if the same was written lately. The text decides, and not the message alone, because another
 * field is another fact. */
static void add_or_count(const struct buf *text)
{
	struct repeat *repeat = find_repeat(text);

	if (!repeat)
		repeat = remember(text);
	else if (is_quiet(repeat))
		begin_anew(repeat);
	repeat->left_out++;
	repeat->seen_us = clock_monotonic_us();
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

static void write_lines(void);

static void became_writable(evutil_socket_t fd, short what, void *arg)
{
	write_lines();
}

/* The timer is for what can not be waited for: a full disk. */
static void wait_for_room(void)
{
	int fd = log_output_fd();

	if (!loop_timer_is_running(log_state.tick))
		loop_timer_start(log_state.tick, REPEAT_MS);
	if (fd < 0 || (log_state.writable && event_pending(log_state.writable, EV_WRITE, NULL)))
		return;
	if (log_state.writable)
		event_free(log_state.writable);
	log_state.writable = event_new(log_state.base, fd, EV_WRITE, became_writable, NULL);
	event_add(log_state.writable, NULL);
}

static void write_lines(void)
{
	int64_t dropped;

	log_output_write();
	dropped = log_output_take_dropped();
	if (dropped > 0) {
		compose(&log_state.text, LOG_WARN, "log lines were dropped", &LOG_INT("lines", dropped), 1);
		add_line(&log_state.text, 1);
		log_output_write();
	}
	if (log_output_is_blocked() && log_state.base)
		wait_for_room();
}

static void flush_deferred(void *arg)
{
	write_lines();
}

static void tick(void *arg)
{
	if (report_repeats(false))
		loop_timer_start(log_state.tick, REPEAT_MS);
	write_lines();
}

void log_flush(void)
{
	report_repeats(false);
	write_lines();
}

static void flush_last(void)
{
	report_repeats(true);
	write_lines();
}

static void flush_at_exit(void)
{
	flush_last();
	log_output_finish(EXIT_REST_MS, EXIT_MS);
	write_lines();
}

void log_attach(struct event_base *base)
{
	flush_last();
	if (log_state.writable)
		event_free(log_state.writable);
	loop_deferred_free(log_state.flush);
	loop_timer_free(log_state.tick);
	log_state.base = base;
	log_state.flush = base ? loop_deferred_new(base, flush_deferred, NULL) : NULL;
	log_state.tick = base ? loop_timer_new(base, tick, NULL) : NULL;
	log_state.writable = NULL;
	if (base && log_output_is_blocked())
		wait_for_room();
}

void log_forked(void)
{
	log_output_forget();
	for (int i = 0; i < REPEATS; i++)
		log_state.repeats[i].left_out = 0;
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
	if (level >= LOG_WARN || !log_state.base || (log_output_bytes() > BUFFERED_BYTES_MAX && !log_output_is_blocked()))
		write_lines();
	else
		loop_deferred_schedule(log_state.flush);
}

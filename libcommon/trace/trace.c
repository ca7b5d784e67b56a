#include "trace/trace.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

#define ID_DIGITS (TRACE_ID_BYTES - 1)
#define SPAN_DIGITS (TRACE_SPAN_ID_BYTES - 1)
/* Where the parts of a traceparent begin: version - id - parent - flags (§3.2). */
#define ID_AT 3
#define PARENT_AT (ID_AT + ID_DIGITS + 1)
#define FLAGS_AT (PARENT_AT + SPAN_DIGITS + 1)
#define PARENT_DIGITS (TRACE_PARENT_BYTES - 1)
#define CLIENT_BYTES 46 /* as ADDRESS_NETWORK_BYTES of net/forwarded.h, a room that trace does not include */

static struct {
	bool is_enabled;
	double ratio;
	int64_t second; /* in which these clients have asked */
	int asked;
	char clients[TRACE_ASKED_MAX][CLIENT_BYTES];
} sampling;

void trace_enable(double ratio)
{
	sampling.is_enabled = true;
	sampling.ratio = ratio;
}

bool trace_is_enabled(void)
{
	return sampling.is_enabled;
}

/* ---- reading ---- */

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}

/* An id of zeros stands for none (§3.2.2.3, §3.2.2.4). */
static bool is_id(const char *text, size_t len)
{
	return is_hex(text, len) && strspn(text, "0") < len;
}

/* A later version may have more behind a dash; version ff is invalid (§3.2.2.1, §4.3). */
static bool is_version_read(const char *text)
{
	char next = text[PARENT_DIGITS];

	if (!is_hex(text, 2) || strncmp(text, "ff", 2) == 0)
		return false;
	return strncmp(text, "00", 2) == 0 ? next == '\0' : next == '\0' || next == '-';
}

static bool is_traceparent(const char *text)
{
	return strnlen(text, PARENT_DIGITS) == PARENT_DIGITS && is_version_read(text) && text[ID_AT - 1] == '-' &&
	       is_id(text + ID_AT, ID_DIGITS) && text[PARENT_AT - 1] == '-' && is_id(text + PARENT_AT, SPAN_DIGITS) &&
	       text[FLAGS_AT - 1] == '-' && is_hex(text + FLAGS_AT, 2);
}

/* The lowest bit; the others are not ours (§3.2.2.5). */
static bool is_flagged(const char *text)
{
	return strchr("13579bdf", text[FLAGS_AT + 1]) != NULL;
}

/* False: it is none. */
static bool read_parent(struct trace *trace, const char *traceparent)
{
	*trace = (struct trace){0};
	if (!traceparent || !is_traceparent(traceparent))
		return false;
	memcpy(trace->id, traceparent + ID_AT, ID_DIGITS);
	memcpy(trace->parent, traceparent + PARENT_AT, SPAN_DIGITS);
	return true;
}

/* ---- sampling ---- */

/* The digits of a new span are the chance, because a peer does not choose them, as it may the trace's. */
static bool is_chosen(const char *span)
{
	char digits[9];

	snprintf(digits, sizeof digits, "%.8s", span);
	return (double)strtoul(digits, NULL, 16) < sampling.ratio * 4294967296.0;
}

static int asked_by(const char *client)
{
	int count = 0;

	for (int i = 0; i < sampling.asked; i++)
		count += strncmp(sampling.clients[i], client, CLIENT_BYTES - 1) == 0;
	return count;
}

static bool may_ask(const char *client)
{
	int64_t second = clock_monotonic_us() / 1000000;

	if (second != sampling.second) {
		sampling.second = second;
		sampling.asked = 0;
	}
	if (sampling.asked == TRACE_ASKED_MAX || asked_by(client) >= TRACE_ASKED_OF_ONE)
		return false;
	snprintf(sampling.clients[sampling.asked++], CLIENT_BYTES, "%s", client);
	return true;
}

/* ---- an operation ---- */

void trace_begin(struct trace *ret_trace, const char *traceparent, const char *client)
{
	bool has_parent = read_parent(ret_trace, traceparent);

	if (!has_parent)
		random_hex(ret_trace->id, ID_DIGITS);
	random_hex(ret_trace->span, SPAN_DIGITS);
	ret_trace->is_sampled = sampling.is_enabled &&
				(is_chosen(ret_trace->span) || (has_parent && is_flagged(traceparent) && may_ask(client)));
}

void trace_continue(struct trace *ret_trace, const char *traceparent)
{
	if (!read_parent(ret_trace, traceparent))
		return;
	random_hex(ret_trace->span, SPAN_DIGITS);
	ret_trace->is_sampled = sampling.is_enabled && is_flagged(traceparent);
}

void trace_child(struct trace *ret_child, const struct trace *parent)
{
	*ret_child = *parent;
	if (!parent->id[0])
		return;
	memcpy(ret_child->parent, parent->span, sizeof ret_child->parent);
	random_hex(ret_child->span, SPAN_DIGITS);
}

const char *trace_logged_id(const struct trace *trace)
{
	return trace->id[0] ? trace->id : NULL;
}

const char *trace_sampled_id(const struct trace *trace)
{
	return trace->is_sampled ? trace->id : NULL;
}

void trace_format(const struct trace *trace, char ret_text[TRACE_PARENT_BYTES])
{
	ret_text[0] = '\0';
	if (!trace->id[0])
		return;
	memcpy(ret_text, "00-", ID_AT);
	memcpy(ret_text + ID_AT, trace->id, ID_DIGITS);
	ret_text[PARENT_AT - 1] = '-';
	memcpy(ret_text + PARENT_AT, trace->span, SPAN_DIGITS);
	memcpy(ret_text + FLAGS_AT - 1, trace->is_sampled ? "-01" : "-00", sizeof "-01");
}

/* Which trace an operation belongs to: W3C Trace Context (https://www.w3.org/TR/trace-context/), version 00. A trace is
 * everything that one request from outside causes, in whichever service; its id is in their logs. The part that is sampled is
 * recorded as well (span.h). What is believed of a peer is in docs/decisions/0030-traces.md: the id of its trace, but whether
 * to sample it only within a limit.
 *
 * The header tracestate is neither read nor sent: no service here has anything to add to it, and none calls one that would. */
#ifndef ABACUS_TRACE_TRACE_H
#define ABACUS_TRACE_TRACE_H

#include <stdbool.h>

#define TRACE_ID_BYTES 33
#define TRACE_SPAN_ID_BYTES 17
#define TRACE_PARENT_BYTES 56 /* of a traceparent that trace_format() makes */
#define TRACE_ASKED_MAX 10    /* traces a second that a process samples because a client asked */
#define TRACE_ASKED_OF_ONE 3  /* of them, of one client: those behind three others are still sampled */

/* Ids are lower-case hexadecimal digits. */
struct trace {
	char id[TRACE_ID_BYTES];          /* "": no trace */
	char span[TRACE_SPAN_ID_BYTES];   /* of this operation */
	char parent[TRACE_SPAN_ID_BYTES]; /* of the operation that caused it; "": none is known */
	bool is_sampled;
};

/* From now on operations are sampled: by chance this part of those that begin here, and what clients ask for. Before, none is.
 */
void trace_enable(double ratio);
bool trace_is_enabled(void);

/* A request from outside, with its header traceparent; NULL: it has none. A malformed one counts as none: the trace then begins
 * here. client: its address, or whatever else names it. */
void trace_begin(struct trace *ret_trace, const char *traceparent, const char *client);
/* What a service of ours has handed on, which is sampled if that sampled it. NULL, "" or malformed (another version wrote it):
 * no trace. */
void trace_continue(struct trace *ret_trace, const char *traceparent);
/* An operation within another, or that another caused. Without a trace it has none either. */
void trace_child(struct trace *ret_child, const struct trace *parent);
/* For a field of the log: NULL, which leaves it out, if there is no trace. */
const char *trace_logged_id(const struct trace *trace);
/* For an exemplar (base/metrics.h), which leads to a trace that was recorded: NULL if this one is not. */
const char *trace_sampled_id(const struct trace *trace);
/* The traceparent to hand on; "" if there is no trace. */
void trace_format(const struct trace *trace, char ret_text[TRACE_PARENT_BYTES]);

#endif

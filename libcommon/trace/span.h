/* Spans: what the sampled operations of this process were and how long they took, as JSON of OTLP
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). They wait in a bounded queue until the daemon's exporter
 * (daemon/spans.c) takes them. What does not fit is dropped and counted: recording never waits. */
#ifndef ABACUS_TRACE_SPAN_H
#define ABACUS_TRACE_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/scope.h"
#include "trace/trace.h"

#define TRACE_SPANS_MAX 1024 /* that wait */

/* The numbers are OTLP's. */
enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER, TRACE_CLIENT, TRACE_PRODUCER, TRACE_CONSUMER };

struct trace_attribute {
	const char *name, *text; /* text NULL: it is the number */
	int64_t number;
};
struct trace_span { /* texts are borrowed until the call returns; none is of a length that a peer chooses */
	const char *name;
	enum trace_kind kind;
	int64_t started_us, ended_us; /* CLOCK_MONOTONIC, as clock_monotonic_us() */
	bool has_failed;
	const struct trace_attribute *attributes; /* ends with a NULL name; NULL: none */
};
/* Does nothing unless the trace is sampled. */
void trace_span_record(const struct trace *trace, const struct trace_span *span);

/* A call to a database that has ended: a span within what its scope belongs to (scope.h). Before op_end(). system: "postgresql"
 * or "redis"; name: of the statement or the script. */
void trace_call_record(const struct op *op, const char *system, const char *name, int64_t started_us, bool has_failed);

/* The member "attributes" of a JSON object. */
void trace_attributes_write(struct buf *out, const struct trace_attribute *attributes);

/* Moves what waits to the end of `out`, as elements of a JSON array; returns how many. */
int trace_spans_take(struct buf *out);
/* How many were taken, and whether the collector has them now. */
void trace_spans_count(int count, bool are_accepted);
/* trace_spans_exported_total, trace_spans_dropped_total: before metrics_share(). */
void trace_spans_register_metrics(void);

#endif

#include "trace/span.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json_write.h"
#include "base/metrics.h"

static struct {
	struct buf json;
	int count;
} waiting;

static struct metric *exported_total, *full_total, *refused_total;

void trace_spans_register_metrics(void)
{
	static const char dropped[] = "trace_spans_dropped_total", help[] = "Spans that the collector did not get.";

	exported_total = metrics_counter("trace_spans_exported_total", NULL, "Spans that the collector has taken.");
	full_total = metrics_counter(dropped, "reason=\"queue full\"", help);
	refused_total = metrics_counter(dropped, "reason=\"not accepted\"", help);
}

/* 64-bit numbers are texts in OTLP's JSON, because a double does not hold all of them. */
static void add_number(struct buf *out, const char *name, int64_t number)
{
	char text[INT64_TEXT_BYTES];

	int64_format(number, text);
	json_write_member_text(out, name, text);
}

static void add_attribute(struct buf *out, const struct trace_attribute *attribute)
{
	json_write_object(out);
	json_write_member_text(out, "key", attribute->name);
	json_write_key(out, "value");
	json_write_object(out);
	if (attribute->text)
		json_write_member_text(out, "stringValue", attribute->text);
	else
		add_number(out, "intValue", attribute->number);
	json_write_object_end(out);
	json_write_object_end(out);
}

void trace_attributes_write(struct buf *out, const struct trace_attribute *attributes)
{
	json_write_key(out, "attributes");
	json_write_array(out);
	for (; attributes && attributes->name; attributes++)
		add_attribute(out, attributes);
	json_write_array_end(out);
}

static void add_span(struct buf *out, const struct trace *trace, const struct trace_span *span)
{
	int64_t unix_us = clock_unix_us() - clock_monotonic_us();

	json_write_object(out);
	json_write_member_text(out, "traceId", trace->id);
	json_write_member_text(out, "spanId", trace->span);
	if (trace->parent[0])
		json_write_member_text(out, "parentSpanId", trace->parent);
	json_write_member_text(out, "name", span->name);
	json_write_member_int(out, "kind", span->kind);
	add_number(out, "startTimeUnixNano", (span->started_us + unix_us) * 1000);
	add_number(out, "endTimeUnixNano", (span->ended_us + unix_us) * 1000);
	trace_attributes_write(out, span->attributes);
	if (span->has_failed) {
		json_write_key(out, "status");
		json_write_object(out);
		json_write_member_int(out, "code", 2); /* STATUS_CODE_ERROR */
		json_write_object_end(out);
	}
	json_write_object_end(out);
}

void trace_span_record(const struct trace *trace, const struct trace_span *span)
{
	if (!trace->is_sampled)
		return;
	if (waiting.count == TRACE_SPANS_MAX) {
		metrics_add(full_total, 1);
		return;
	}
	waiting.count++;
	add_span(&waiting.json, trace, span);
}

/* https://opentelemetry.io/docs/specs/semconv/database/database-spans/ */
void trace_call_record(const struct op *op, const char *system, const char *name, int64_t started_us, bool has_failed)
{
	const struct scope *scope = op->scope;
	struct trace trace;

	if (!scope || !scope->trace || !scope->trace->is_sampled)
		return;
	trace_child(&trace, scope->trace);
	trace_span_record(&trace, &(struct trace_span){.name = name,
						       .kind = TRACE_CLIENT,
						       .started_us = started_us,
						       .ended_us = clock_monotonic_us(),
						       .has_failed = has_failed,
						       .attributes = (const struct trace_attribute[]){
							       {"db.system.name", system, 0},
							       {"db.operation.name", name, 0},
							       {0},
						       }});
}

int trace_spans_take(struct buf *out)
{
	int count = waiting.count;

	buf_add(out, waiting.json.bytes ? waiting.json.bytes : "", waiting.json.len);
	buf_free(&waiting.json);
	waiting.count = 0;
	return count;
}

void trace_spans_count(int count, bool are_accepted)
{
	metrics_add(are_accepted ? exported_total : refused_total, count);
}

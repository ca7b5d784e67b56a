/* The spans of a job: from being queued until its result is in Redis, with what that time was spent on. A job belongs to the
 * trace of the submission that queued it. */
#include "base/clock.h"
#include "trace/span.h"
#include "work_internal.h"

static void record_part(const struct held *held, const char *name, int64_t started_us, int64_t ended_us)
{
	struct trace part;

	trace_child(&part, &held->job.trace);
	trace_span_record(&part, &(struct trace_span){
					 .name = name, .kind = TRACE_INTERNAL, .started_us = started_us, .ended_us = ended_us});
}

static void record_job(const struct held *held, int64_t queued_us, int64_t stored_us)
{
	const char *kind = kind_name(held->job.key.kind);
	struct buf name = {0};

	buf_printf(&name, "job %s", kind);
	trace_span_record(&held->job.trace, &(struct trace_span){.name = name.bytes,
								 .kind = TRACE_CONSUMER,
								 .started_us = queued_us,
								 .ended_us = stored_us,
								 .attributes = (const struct trace_attribute[]){
									 {"abacus.kind", kind, 0},
									 {"abacus.index", NULL, held->job.key.index},
									 {"abacus.digits", NULL, (int64_t)held->len},
									 {"abacus.request_id", held->job.request_id, 0},
									 {0},
								 }});
	buf_free(&name);
}

void spans_received(struct held *held)
{
	if (held->job.trace.is_sampled)
		held->received_us = clock_monotonic_us();
}

void spans_calculated(struct held *held)
{
	if (held->job.trace.is_sampled)
		held->calculated_us = clock_monotonic_us();
}

void spans_stored(const struct held *held)
{
	int64_t now_us, queued_us;

	if (!held->job.trace.is_sampled)
		return;
	now_us = clock_monotonic_us();
	queued_us = now_us - jobs_age_ms(&held->job) * 1000;
	if (queued_us > held->received_us) /* a job's id has whole milliseconds, and Redis another clock */
		queued_us = held->received_us;
	record_part(held, "queued", queued_us, held->received_us);
	record_part(held, "calculate", held->calculated_us - held->duration_us, held->calculated_us);
	record_part(held, "store", held->calculated_us, now_us);
	record_job(held, queued_us, now_us);
}

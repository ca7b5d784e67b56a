/* A process receives the next batch when the last one is committed and taken out of Redis, so batches grow with the load. While
 * Postgres refuses a batch it is repeated, and nothing further is received: the window in Redis fills, and workers run out of
 * jobs. Flow: receive -> received (or taken_over) -> take -> write -> written -> taken_out -> receive. */
#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "previews.h"
#include "service.h"
#include "store.h"

#define BLOCK_MS 5000
#define UNWRITTEN_IDLE_MS 10000 /* then another process takes over what one has received and not written */
#define TAKE_OVER_MS 5000
#define RESUME_MS 500
#define ATTEMPTS_MAX 4 /* holds pauses under a second */

enum source { RECEIVED, TAKEN_OVER, SOURCES };

struct writer {
	struct event_base *base;
	struct values *values;
	struct redis *receiving; /* for blocking reads alone */
	struct scope scope;
	struct loop_timer *take_over, *resume;
	struct loop_timer *pause; /* while it runs, nothing is received */
	unsigned attempt;
	int64_t receiving_since_us;
	bool is_busy[SOURCES]; /* reading from this source, or writing what it gave */
	LIST_HEAD(, batch) batches;
};

struct batch {
	struct writer *writer;
	enum source source;
	struct loop_timer *again;
	unsigned attempt;
	struct jobs_written written[JOBS_BATCH_MAX];
	struct job_result results[JOBS_BATCH_MAX]; /* fewer, if some could not be read */
	int count, results_count;
	char *previews; /* of all results */
	LIST_ENTRY(batch) link;
};

static struct metric *written_total;

static void receive(struct writer *writer);
static void take(struct writer *writer, enum source source, const struct jobs_unwritten *entries, int n);
static void write_batch(void *arg);
static void written(enum status status, const struct postgres_rows *rows, void *arg);
static void take_out(void *arg);
static void taken_out(enum status status, void *arg);
static void batch_free(struct batch *batch);

void writer_register_metrics(void)
{
	written_total = metrics_counter("values_written_total", NULL, "Finished calculations written to Postgres.");
}

/* ---- the statement ---- */

enum { KINDS, INDEXES, STATES, DIGITS, PREVIEWS, DURATIONS, TIMES, ARRAYS };

/* Quoted, because a shortened preview has spaces. */
static void add_quoted(struct buf *array, const char *text, size_t len)
{
	buf_text(array, "\"");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_text(array, "\\");
		buf_add(array, text + i, 1);
	}
	buf_text(array, "\"");
}

static void add_result(struct buf *arrays, const struct job_result *result)
{
	buf_text(&arrays[KINDS], kind_name(result->key.kind));
	buf_int(&arrays[INDEXES], result->key.index);
	buf_text(&arrays[STATES], result->state == JOB_DONE ? "done" : "failed");
	if (result->state != JOB_DONE) {
		for (int i = DIGITS; i < ARRAYS; i++)
			buf_text(&arrays[i], "NULL");
		return;
	}
	buf_int(&arrays[DIGITS], result->digits);
	if (jobs_preview_is_whole(result->preview, result->preview_len))
		buf_add(&arrays[PREVIEWS], result->preview, result->preview_len);
	else
		add_quoted(&arrays[PREVIEWS], result->preview, result->preview_len);
	buf_int(&arrays[DURATIONS], result->duration_us);
	buf_int(&arrays[TIMES], result->calculated_unix_ms);
}

void writer_store(struct values *values, struct scope *scope, const struct job_result *results, int n, postgres_done *done,
		  void *arg)
{
	struct buf arrays[ARRAYS] = {0};
	struct postgres_params params = {0};

	for (int i = 0; i < n; i++) {
		for (int j = 0; j < ARRAYS; j++)
			buf_text(&arrays[j], i ? "," : "{");
		add_result(arrays, &results[i]);
	}
	for (int j = 0; j < ARRAYS; j++) {
		buf_text(&arrays[j], "}");
		postgres_param_text(&params, arrays[j].bytes);
	}
	postgres_exec(values->postgres, scope, &store_calculations_finish, &params, done, arg);
	for (int j = 0; j < ARRAYS; j++)
		buf_free(&arrays[j]);
}

/* ---- receiving ---- */

static void pause_receiving(struct writer *writer)
{
	loop_timer_start(writer->pause, loop_backoff_ms(writer->attempt));
	if (writer->attempt < ATTEMPTS_MAX)
		writer->attempt++;
}

static void received(enum status status, const struct jobs_unwritten *entries, int n, void *arg)
{
	struct writer *writer = arg;

	if (n > 0 || clock_monotonic_us() - writer->receiving_since_us > BLOCK_MS * 1000 / 2)
		writer->attempt = 0;
	else if (redis_is_ready(writer->receiving))
		pause_receiving(writer);
	take(writer, RECEIVED, entries, n);
}

static void receive(struct writer *writer)
{
	if (writer->is_busy[RECEIVED] || !redis_is_ready(writer->receiving) || !redis_is_ready(writer->values->redis) ||
	    loop_timer_is_running(writer->pause))
		return;
	writer->is_busy[RECEIVED] = true;
	writer->receiving_since_us = clock_monotonic_us();
	jobs_unwritten_receive(writer->receiving, &writer->scope, BLOCK_MS, received, writer);
}

static void taken_over(enum status status, const struct jobs_unwritten *entries, int n, void *arg)
{
	struct writer *writer = arg;

	take(writer, TAKEN_OVER, entries, n);
}

static void take_over_due(void *arg)
{
	struct writer *writer = arg;

	if (writer->is_busy[TAKEN_OVER] || !redis_is_ready(writer->values->redis))
		return;
	writer->is_busy[TAKEN_OVER] = true;
	jobs_unwritten_take_over(writer->values->redis, &writer->scope, UNWRITTEN_IDLE_MS, taken_over, writer);
}

/* ---- a batch ---- */

/* The previews are borrowed from Redis's reply, and writing may have to be repeated. */
static void copy_previews(struct batch *batch)
{
	size_t bytes = 0;
	char *at;

	for (int i = 0; i < batch->results_count; i++)
		bytes += batch->results[i].preview_len;
	batch->previews = at = mem_alloc(bytes + 1);
	for (int i = 0; i < batch->results_count; i++) {
		struct job_result *result = &batch->results[i];

		if (result->preview_len)
			memcpy(at, result->preview, result->preview_len);
		result->preview = at;
		at += result->preview_len;
	}
}

/* An entry that cannot be read (another program wrote it) is only taken out. */
static void add_entry(struct batch *batch, const struct jobs_unwritten *entry)
{
	struct jobs_written *out = &batch->written[batch->count++];

	memcpy(out->id, entry->id, sizeof out->id);
	out->key = entry->result.key;
	if (entry->result.state == JOB_ABSENT)
		log_line(LOG_WARN, "a finished calculation can not be read", LOG_TEXT("id", entry->id));
	else
		batch->results[batch->results_count++] = entry->result;
	if (entry->result.state == JOB_DONE)
		previews_keep(batch->writer->values->previews, &entry->result);
}

static void take(struct writer *writer, enum source source, const struct jobs_unwritten *entries, int n)
{
	struct batch *batch;

	if (n == 0) {
		writer->is_busy[source] = false;
		return receive(writer);
	}
	batch = mem_alloc(sizeof *batch);
	batch->writer = writer;
	batch->source = source;
	LIST_INSERT_HEAD(&writer->batches, batch, link);
	for (int i = 0; i < n; i++)
		add_entry(batch, &entries[i]);
	copy_previews(batch);
	if (batch->results_count)
		write_batch(batch);
	else
		take_out(batch);
}

static void repeat(struct batch *batch, void (*step)(void *arg))
{
	loop_timer_free(batch->again);
	batch->again = loop_timer_new(batch->writer->base, step, batch);
	loop_timer_start(batch->again, loop_backoff_ms(batch->attempt));
	if (batch->attempt < ATTEMPTS_MAX)
		batch->attempt++;
}

static void write_batch(void *arg)
{
	struct batch *batch = arg;

	writer_store(batch->writer->values, &batch->writer->scope, batch->results, batch->results_count, written, batch);
}

static void written(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct batch *batch = arg;

	if (status != STATUS_OK)
		return repeat(batch, write_batch);
	metrics_add(written_total, batch->results_count);
	take_out(batch);
}

static void take_out(void *arg)
{
	struct batch *batch = arg;

	jobs_written(batch->writer->values->redis, &batch->writer->scope, batch->written, batch->count, taken_out, batch);
}

/* What could not be taken out is taken over later, and written again, which changes nothing. */
static void taken_out(enum status status, void *arg)
{
	struct batch *batch = arg;
	struct writer *writer = batch->writer;

	writer->is_busy[batch->source] = false;
	if (batch->source == TAKEN_OVER && batch->count == JOBS_BATCH_MAX && status == STATUS_OK) /* there may be more */
		take_over_due(writer);
	batch_free(batch);
	receive(writer);
}

static void batch_free(struct batch *batch)
{
	LIST_REMOVE(batch, link);
	loop_timer_free(batch->again);
	free(batch->previews);
	free(batch);
}

/* ---- start and end ---- */

static void resume_due(void *arg)
{
	receive(arg);
}

static void redis_changed(bool is_ready, void *arg)
{
	if (is_ready)
		receive(arg);
}

struct writer *writer_new(struct event_base *base, struct values *values)
{
	struct writer *writer = mem_alloc(sizeof *writer);

	writer->base = base;
	writer->values = values;
	scope_init(&writer->scope);
	LIST_INIT(&writer->batches);
	writer->receiving = redis_new(base, &values->config->redis, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(writer->receiving, redis_changed, writer);
	writer->take_over = loop_every(base, TAKE_OVER_MS, take_over_due, writer);
	writer->resume = loop_every(base, RESUME_MS, resume_due, writer);
	writer->pause = loop_timer_new(base, resume_due, writer);
	return writer;
}

void writer_free(struct writer *writer)
{
	scope_cancel(&writer->scope);
	redis_free(writer->receiving);
	while (!LIST_EMPTY(&writer->batches))
		batch_free(LIST_FIRST(&writer->batches));
	loop_timer_free(writer->take_over);
	loop_timer_free(writer->resume);
	loop_timer_free(writer->pause);
	free(writer);
}

/* GET /status/stream: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each reader gets
 * what GET /healthcheck answers: at once, after each round, and soon after any health has changed. The message is made once for
 * all readers. A comment every few seconds keeps proxies from closing a connection that has been quiet for a long interval. */
#include "show/stream.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/reply.h"
#include "http/stream.h"
#include "monitor.h"
#include "service.h"
#include "show/view.h"

#define BEAT_MS 10000

struct reader {
	struct streams *streams;
	struct http_stream *stream;
	LIST_ENTRY(reader) link;
};

struct streams {
	struct monitor *monitor;
	struct loop_timer *beat;
	unsigned count;
	LIST_HEAD(, reader) readers;
};

static struct metric *readers_now;

void stream_register_metrics(void)
{
	readers_now = metrics_gauge("healthcheck_streams", NULL, "Readers of /status/stream.");
}

static void make_message(const struct monitor *monitor, struct buf *message)
{
	buf_text(message, "event: health\ndata: ");
	view_health(monitor, clock_unix_ms(), message);
	buf_text(message, "\n\n");
}

static void write_all(struct streams *streams, const char *bytes, size_t len)
{
	struct reader *reader;

	LIST_FOREACH (reader, &streams->readers, link)
		http_stream_write(reader->stream, bytes, len);
}

void streams_publish(struct streams *streams)
{
	struct buf message = {0};

	if (LIST_EMPTY(&streams->readers))
		return;
	make_message(streams->monitor, &message);
	write_all(streams, message.bytes, message.len);
	buf_free(&message);
}

static void beat(void *arg)
{
	write_all(arg, ":\n\n", 3);
}

static void reader_ended(void *arg)
{
	struct reader *reader = arg;

	LIST_REMOVE(reader, link);
	metrics_set(readers_now, --reader->streams->count);
	free(reader);
}

void stream_begin(struct http_request *req)
{
	struct monitor *monitor = monitor_of(req);
	struct streams *streams = monitor->streams;
	struct buf message = {0};
	struct reader *reader;

	if (streams->count >= (unsigned)monitor->config->streams_max)
		return http_reply_status(req, STATUS_BUSY);
	reader = mem_alloc(sizeof *reader);
	reader->streams = streams;
	http_reply_header(req, "X-Accel-Buffering", "no"); /* for an nginx whose configuration is not ours */
	reader->stream = http_stream_start(req, "text/event-stream", reader_ended, reader);
	if (!reader->stream) {
		free(reader);
		return;
	}
	LIST_INSERT_HEAD(&streams->readers, reader, link);
	metrics_set(readers_now, ++streams->count);
	buf_text(&message, "retry: 1000\n\n");
	make_message(monitor, &message);
	http_stream_write(reader->stream, message.bytes, message.len);
	buf_free(&message);
}

struct streams *streams_new(struct monitor *monitor)
{
	struct streams *streams = mem_alloc(sizeof *streams);

	streams->monitor = monitor;
	LIST_INIT(&streams->readers);
	streams->beat = loop_every(monitor->base, BEAT_MS, beat, streams);
	return streams;
}

void streams_free(struct streams *streams)
{
	loop_timer_free(streams->beat);
	free(streams);
}

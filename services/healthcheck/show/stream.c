/* GET /status/stream: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each reader gets
 * what GET /healthcheck answers, at once, after each round, and soon after somebody's health has changed. The message is
 * written once for all. A comment now and then keeps proxies from taking a long interval for an end. */
#include "service.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/stream.h"

#define BEAT_S 10

struct reader {
	struct streams *streams;
	struct http_stream *stream;
	LIST_ENTRY(reader) link;
};

struct streams {
	struct monitor *monitor;
	struct event *beat;
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

static void beat(evutil_socket_t fd, short what, void *arg)
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
	streams->beat = event_new(monitor->base, -1, EV_PERSIST, beat, streams);
	event_priority_set(streams->beat, LOOP_PRIORITY_NORMAL);
	event_add(streams->beat, &(struct timeval){.tv_sec = BEAT_S});
	return streams;
}

/* The server, whose end is the end of every reader, is gone by now. */
void streams_free(struct streams *streams)
{
	event_free(streams->beat);
	free(streams);
}

/* GET /status/stream: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each reader gets
 * what GET /healthcheck answers: at once, after each round, and soon after any health has changed. A message is made once for
 * all readers who see the same. A reader who proved to be an admin is disconnected after a minute, and proves it again. A
 * comment every few seconds keeps proxies from closing a connection that has been quiet for a long interval. */
#include "show/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/reply.h"
#include "http/stream.h"
#include "monitor.h"
#include "net/forwarded.h"
#include "service.h"
#include "show/audience.h"
#include "show/view.h"

#define BEAT_MS 10000
#define ADMIN_BEATS 6 /* a token that was revoked shows no more for longer than a minute */

struct reader {
	struct streams *streams;
	struct http_stream *stream;
	char client[ADDRESS_NETWORK_BYTES];
	bool sees_all, is_operator;
	int beats_left; /* until it is disconnected; negative: never */
	LIST_ENTRY(reader) link;
};

struct streams {
	struct monitor *monitor;
	struct loop_timer *beat;
	unsigned counts[2]; /* of the public, of operators: neither can take the other's places */
	LIST_HEAD(, reader) readers;
};

static struct metric *readers_now;

void stream_register_metrics(void)
{
	readers_now = metrics_gauge("healthcheck_streams", NULL, "Readers of /status/stream.");
}

static void make_message(const struct monitor *monitor, bool is_full, struct buf *message)
{
	buf_text(message, "event: health\ndata: ");
	view_health(monitor, is_full, clock_unix_ms(), message);
	buf_text(message, "\n\n");
}

void streams_publish(struct streams *streams)
{
	struct buf messages[2] = {0}; /* for those who do not see all, and for those who do */
	struct reader *reader;

	LIST_FOREACH (reader, &streams->readers, link) {
		struct buf *message = &messages[reader->sees_all];

		if (message->len == 0)
			make_message(streams->monitor, reader->sees_all, message);
		http_stream_write(reader->stream, message->bytes, message->len);
	}
	buf_free(&messages[false]);
	buf_free(&messages[true]);
}

static void beat(void *arg)
{
	struct streams *streams = arg;
	struct reader *reader;

	LIST_FOREACH (reader, &streams->readers, link) {
		http_stream_write(reader->stream, ":\n\n", 3);
		if (reader->beats_left > 0 && --reader->beats_left == 0)
			http_stream_end(reader->stream);
	}
}

static void count(const struct reader *reader, int by)
{
	reader->streams->counts[reader->is_operator] += (unsigned)by;
	metrics_add(readers_now, by);
}

static void reader_ended(void *arg)
{
	struct reader *reader = arg;

	LIST_REMOVE(reader, link);
	count(reader, -1);
	free(reader);
}

static long streams_of(const struct streams *streams, const char *client, bool is_operator)
{
	struct reader *reader;
	long of_client = 0;

	LIST_FOREACH (reader, &streams->readers, link)
		of_client += reader->is_operator == is_operator && strcmp(reader->client, client) == 0;
	return of_client;
}

static struct reader *reader_new(struct streams *streams, struct http_request *req)
{
	struct reader *reader = mem_alloc(sizeof *reader);

	reader->streams = streams;
	reader->sees_all = audience_sees_all(req);
	reader->is_operator = audience_is_operator(req);
	reader->beats_left = audience_admin(req) ? ADMIN_BEATS : -1;
	address_network(http_request_remote_ip(req), reader->client);
	return reader;
}

void stream_begin(struct http_request *req)
{
	struct monitor *monitor = monitor_of(req);
	struct streams *streams = monitor->streams;
	char client[ADDRESS_NETWORK_BYTES];
	bool is_operator = audience_is_operator(req);
	struct buf message = {0};
	struct reader *reader;

	if (streams->counts[is_operator] >= (unsigned)monitor->config->streams_max)
		return http_reply_status(req, STATUS_BUSY);
	address_network(http_request_remote_ip(req), client);
	if (streams_of(streams, client, is_operator) >= monitor->config->streams_per_client)
		return http_reply_fail(req, 429, "too_many_streams", "Too many pages are open. Please close one of them.");
	reader = reader_new(streams, req);
	http_reply_header(req, "X-Accel-Buffering", "no"); /* for an nginx whose configuration is not ours */
	reader->stream = http_stream_start(req, "text/event-stream", reader_ended, reader);
	if (!reader->stream) {
		free(reader);
		return;
	}
	LIST_INSERT_HEAD(&streams->readers, reader, link);
	count(reader, 1);
	buf_text(&message, "retry: 1000\n\n");
	make_message(monitor, reader->sees_all, &message);
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

/* Groups of WebSockets, their time limits, and the end of each. One timer checks all members, because a timer for each would
 * cost more than the check. Only the loop frees a connection (scope.h, 3). */
#include "websocket/websocket_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

#define TICK_MS_MAX 1000

static void set_state(struct websocket *ws, enum websocket_state state)
{
	ws->state = state;
	ws->since_us = clock_monotonic_us();
}

void websocket_drop(struct websocket *ws, enum websocket_end end)
{
	if (ws->state == WEBSOCKET_IS_OVER)
		return;
	set_state(ws, WEBSOCKET_IS_OVER);
	ws->end = end;
	LIST_REMOVE(ws, link);
	LIST_INSERT_HEAD(&ws->group->over, ws, link);
	loop_deferred_schedule(ws->group->reap);
}

/* ---- the closing handshake ---- */

/* Ends the stream once everything is sent. What the peer still sends is read and discarded: closing with unread bytes would
 * reset the connection, and the peer might never see our close frame. */
static void shut_when_written(struct websocket *ws)
{
	if (ws->state == WEBSOCKET_IS_FINISHING && evbuffer_get_length(http_upgrade_output(ws->conn)) == 0)
		http_upgrade_shut(ws->conn);
}

void websocket_begin_closing(struct websocket *ws, int code, const char *reason, size_t len, bool is_last)
{
	char payload[WEBSOCKET_CONTROL_BYTES_MAX] = {(char)(code >> 8), (char)code};

	if (ws->state == WEBSOCKET_IS_OVER || ws->state == WEBSOCKET_IS_FINISHING)
		return;
	if (len > WEBSOCKET_REASON_BYTES_MAX)
		len = WEBSOCKET_REASON_BYTES_MAX;
	if (len)
		memcpy(payload + 2, reason, len);
	if (ws->state == WEBSOCKET_IS_OPEN)
		websocket_send_frame(ws, WSLAY_CONNECTION_CLOSE, payload, code ? len + 2 : 0);
	if (ws->state == WEBSOCKET_IS_OVER) /* the peer reads too slowly to take it */
		return;
	set_state(ws, is_last ? WEBSOCKET_IS_FINISHING : WEBSOCKET_IS_CLOSING);
	shut_when_written(ws);
}

void websocket_close(struct websocket *ws, int code, const char *reason)
{
	if (ws->state == WEBSOCKET_IS_OPEN)
		websocket_begin_closing(ws, code, reason, strlen(reason), false);
}

/* ---- events of the connection ---- */

static void readable(void *arg)
{
	struct websocket *ws = arg;
	struct evbuffer *input = http_upgrade_input(ws->conn);

	if (ws->state == WEBSOCKET_IS_OPEN) {
		ws->since_us = clock_monotonic_us();
		ws->is_pinged = false;
	}
	if (ws->state == WEBSOCKET_IS_OPEN || ws->state == WEBSOCKET_IS_CLOSING)
		websocket_read(ws);
	evbuffer_drain(input, evbuffer_get_length(input));
}

static void written(void *arg)
{
	shut_when_written(arg);
}

static void left(void *arg)
{
	struct websocket *ws = arg;

	websocket_drop(ws, ws->state == WEBSOCKET_IS_FINISHING ? WEBSOCKET_CLOSED : WEBSOCKET_LEFT);
}

static void draining(void *arg)
{
	websocket_close(arg, WSLAY_CODE_GOING_AWAY, "The server is stopping.");
}

static void closed(void *arg)
{
	struct websocket *ws = arg;
	struct websockets *group = ws->group;

	LIST_REMOVE(ws, link);
	group->count--;
	group->calls->closed(ws, ws->state == WEBSOCKET_IS_OVER ? ws->end : WEBSOCKET_LEFT, ws->arg);
	websocket_reading_free(ws->reading);
	free(ws);
}

static const struct http_upgrade_calls upgrade_calls = {
	.readable = readable, .written = written, .left = left, .draining = draining, .closed = closed};

/* ---- groups ---- */

static void check_limits(struct websocket *ws, int64_t now_us)
{
	const struct websocket_limits *limits = &ws->group->limits;
	int64_t ms = (now_us - ws->since_us) / 1000;

	if (ws->state != WEBSOCKET_IS_OPEN) {
		if (ms >= limits->close_ms)
			websocket_drop(ws, ws->state == WEBSOCKET_IS_FINISHING ? WEBSOCKET_CLOSED : WEBSOCKET_SILENT);
	} else if (!ws->is_pinged && ms >= limits->ping_ms) {
		ws->is_pinged = true;
		websocket_send_frame(ws, WSLAY_PING, "", 0);
	} else if (ws->is_pinged && ms >= limits->ping_ms + limits->pong_ms) {
		websocket_drop(ws, WEBSOCKET_SILENT);
	}
}

static void tick(void *arg)
{
	struct websockets *group = arg;
	struct websocket *ws = LIST_FIRST(&group->members);
	int64_t now_us = clock_monotonic_us();

	while (ws) {
		struct websocket *next = LIST_NEXT(ws, link);

		check_limits(ws, now_us);
		ws = next;
	}
}

static void reap(void *arg)
{
	struct websockets *group = arg;
	struct websocket *ws;

	while ((ws = LIST_FIRST(&group->over)))
		http_upgrade_close(ws->conn);
}

/* A quarter of the shortest limit, so that no limit is exceeded by more than a quarter. */
static long tick_ms(const struct websocket_limits *limits)
{
	long ms = TICK_MS_MAX * 4L;

	ms = limits->ping_ms < ms ? limits->ping_ms : ms;
	ms = limits->pong_ms < ms ? limits->pong_ms : ms;
	ms = limits->close_ms < ms ? limits->close_ms : ms;
	return ms < 4 ? 1 : ms / 4;
}

struct websockets *websockets_new(struct event_base *base, const struct websocket_limits *limits,
				  const struct websocket_calls *calls)
{
	struct websockets *group = mem_alloc(sizeof *group);

	group->limits = *limits;
	group->calls = calls;
	LIST_INIT(&group->members);
	LIST_INIT(&group->over);
	group->reap = loop_deferred_new(base, reap, group);
	group->tick = loop_every(base, tick_ms(limits), tick, group);
	return group;
}

void websockets_free(struct websockets *group)
{
	if (!group)
		return;
	loop_timer_free(group->tick);
	loop_deferred_free(group->reap);
	free(group);
}

unsigned websockets_count(const struct websockets *group)
{
	return group->count;
}

struct websocket *websocket_new(struct websockets *group, struct http_request *req, void *arg)
{
	struct websocket *ws = mem_alloc(sizeof *ws);

	ws->group = group;
	ws->arg = arg;
	ws->since_us = clock_monotonic_us();
	ws->conn = http_reply_upgrade(req, &upgrade_calls, group->limits.message_bytes_max, ws);
	if (!ws->conn) {
		free(ws);
		return NULL;
	}
	LIST_INSERT_HEAD(&group->members, ws, link);
	group->count++;
	return ws;
}

/* Each process subscribes to the channel and sends to its own listeners.
 * Flow of a listener: value_live -> (message_received ->) admit (-> wait … check_waiting -> admit) … -> closed;
 * of a calculation: announced -> deliver, once a turn of the loop, to all listeners; of a notice: noticed, to its user's. */
#include "value_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "announcements.h"
#include "auth/notice.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "service.h"
#include "websocket/websocket.h"

#define PROTOCOL "abacus"
#define READY "{\"event\":\"ready\"}"
#define SWEEP_MS 250
#define LOST_POSTGRES 1
#define LOST_REDIS 2
#define CLOSE_MS 2000
#define MESSAGE_BYTES_MAX (JWT_TOKEN_BYTES_MAX * 2)
/* RFC 6455 §7.4.1, and IANA's registry */
#define CODE_TOKEN 1008
#define CODE_TRY_AGAIN 1013
#define CODE_UNEXPECTED 1003

/* The message for each set of LOST_*. */
static const char *const states[] = {
	"{\"event\":\"state\",\"lost\":[]}",
	[LOST_POSTGRES] = "{\"event\":\"state\",\"lost\":[\"postgres\"]}",
	[LOST_REDIS] = "{\"event\":\"state\",\"lost\":[\"redis\"]}",
	[LOST_POSTGRES | LOST_REDIS] = "{\"event\":\"state\",\"lost\":[\"postgres\",\"redis\"]}",
};

struct listener {
	struct value_live *live;
	struct websocket *ws;
	struct jwt_claims claims;
	bool is_admitted;
	bool waits;       /* its token is good, unless it was revoked, which is not known yet */
	int64_t since_us; /* it is there, or waits */
	LIST_ENTRY(listener) link;
};

struct value_live {
	struct values *values;
	struct websockets *group;
	struct redis *redis; /* a connection of its own, because it subscribes */
	struct loop_timer *sweep;
	struct loop_deferred *deliver;
	struct announcements *announcements;
	struct websocket_frames *frames; /* announced in this turn; NULL: none */
	unsigned frames_count;
	unsigned lost;      /* a set of LOST_*, as the listeners know it */
	unsigned lost_last; /* as the last sweep saw it */
	LIST_HEAD(, listener) listeners;
};

static struct metric *connections, *messages_total, *dropped_slow, *dropped_silent;

static enum auth_verdict check(const struct values *values, const char *token, size_t len, struct jwt_claims *ret_claims);
static void admit(struct listener *listener, enum auth_verdict verdict);
static void look_for_losses(struct value_live *live);

void value_live_register_metrics(void)
{
	connections = metrics_gauge("values_live_connections", NULL, "WebSockets open.");
	messages_total = metrics_counter("values_live_messages_total", NULL, "Messages sent to WebSockets, each time counted.");
	dropped_slow = metrics_counter("values_live_dropped_total", "reason=\"slow\"", "WebSockets dropped.");
	dropped_silent = metrics_counter("values_live_dropped_total", "reason=\"silent\"", "WebSockets dropped.");
}

/* ---- a listener ---- */

void value_live(struct http_request *req)
{
	struct value_live *live = values_of(req)->live;
	struct listener *listener = mem_alloc(sizeof *listener);
	enum auth_verdict verdict = AUTH_MISSING;
	char name[sizeof PROTOCOL], token[JWT_TOKEN_BYTES_MAX + 1];
	bool is_ours = websocket_offer(req, 0, name, sizeof name) && strcmp(name, PROTOCOL) == 0;

	if (is_ours && websocket_offer(req, 1, token, sizeof token))
		verdict = check(live->values, token, strlen(token), &listener->claims);
	if (verdict == AUTH_OK)
		http_request_set_user(req, listener->claims.user_id);
	listener->live = live;
	listener->since_us = clock_monotonic_us();
	listener->ws = websocket_accept(live->group, req, is_ours ? PROTOCOL : NULL, listener);
	if (!listener->ws)
		return free(listener);
	LIST_INSERT_HEAD(&live->listeners, listener, link);
	metrics_set(connections, websockets_count(live->group));
	if (verdict != AUTH_MISSING)
		admit(listener, verdict);
}

static enum auth_verdict check(const struct values *values, const char *token, size_t len, struct jwt_claims *ret_claims)
{
	char authorization[sizeof "Bearer " + JWT_TOKEN_BYTES_MAX];

	if (len > JWT_TOKEN_BYTES_MAX || memchr(token, '\0', len))
		return AUTH_INVALID;
	snprintf(authorization, sizeof authorization, "Bearer %.*s", (int)len, token);
	return auth_check(&values->key, values->revocations, authorization, ret_claims);
}

/* The token, or {"token":"…"}: a token never begins with a brace. */
static enum auth_verdict check_message(struct listener *listener, const char *text, size_t len)
{
	enum auth_verdict verdict = AUTH_INVALID;
	const char *token;
	cJSON *json = NULL;

	if (len == 0 || *text != '{')
		return check(listener->live->values, text, len, &listener->claims);
	if (json_parse(text, len, &json) == STATUS_OK && (token = json_text(json, "token")))
		verdict = check(listener->live->values, token, strlen(token), &listener->claims);
	cJSON_Delete(json);
	return verdict;
}

static void message_received(struct websocket *ws, const char *text, size_t len, void *arg)
{
	struct listener *listener = arg;

	if (listener->is_admitted || listener->waits)
		websocket_close(ws, CODE_UNEXPECTED, "Nothing is expected after the token.");
	else
		admit(listener, check_message(listener, text, len));
}

static void refuse(struct listener *listener, enum auth_verdict verdict)
{
	listener->is_admitted = listener->waits = false;
	websocket_close(listener->ws, verdict == AUTH_UNKNOWN ? CODE_TRY_AGAIN : CODE_TOKEN, auth_refusal(verdict));
}

/* A process that has just started may not know all revocations yet. The listener is better off waiting than connecting again
 * and again; it is sent nothing meanwhile. */
static void wait(struct listener *listener)
{
	listener->waits = true;
	listener->since_us = clock_monotonic_us();
}

static void admit(struct listener *listener, enum auth_verdict verdict)
{
	if (verdict == AUTH_UNKNOWN)
		return wait(listener);
	if (verdict != AUTH_OK)
		return refuse(listener, verdict);
	listener->is_admitted = true;
	if (listener->live->lost)
		websocket_send(listener->ws, states[listener->live->lost], strlen(states[listener->live->lost]));
	if (redis_is_ready(listener->live->redis)) /* otherwise connection_changed() sends it to all */
		websocket_send(listener->ws, READY, strlen(READY));
}

static bool is_still_admitted(struct listener *listener)
{
	enum auth_verdict verdict;

	if (!listener->is_admitted)
		return false;
	verdict = auth_check_again(listener->live->values->revocations, &listener->claims);
	if (verdict != AUTH_OK)
		refuse(listener, verdict);
	return verdict == AUTH_OK;
}

static bool is_over(const struct listener *listener, long limit_s)
{
	return clock_monotonic_us() - listener->since_us > (int64_t)limit_s * 1000000;
}

static void check_waiting(struct listener *listener)
{
	enum auth_verdict verdict = auth_check_again(listener->live->values->revocations, &listener->claims);

	if (verdict != AUTH_UNKNOWN) {
		listener->waits = false;
		admit(listener, verdict);
	} else if (is_over(listener, listener->live->values->config->live_check_s)) {
		refuse(listener, verdict);
	}
}

/* Refusing a listener again does nothing: its close frame was sent already. */
static void sweep(void *arg)
{
	struct value_live *live = arg;
	struct listener *listener;

	look_for_losses(live);
	LIST_FOREACH (listener, &live->listeners, link)
		if (listener->waits)
			check_waiting(listener);
		else if (!is_still_admitted(listener) && is_over(listener, live->values->config->live_token_s))
			refuse(listener, AUTH_MISSING);
}

static void closed(struct websocket *ws, enum websocket_end end, void *arg)
{
	struct listener *listener = arg;

	if (end == WEBSOCKET_SLOW)
		metrics_add(dropped_slow, 1);
	else if (end == WEBSOCKET_SILENT)
		metrics_add(dropped_silent, 1);
	metrics_set(connections, websockets_count(listener->live->group));
	LIST_REMOVE(listener, link);
	free(listener);
}

/* ---- a calculation ---- */

static void add(struct value_live *live, const char *json, size_t len)
{
	if (!live->frames)
		live->frames = websocket_frames_new();
	websocket_frames_add(live->frames, json, len);
	live->frames_count++;
	loop_deferred_schedule(live->deliver);
}

static void announced(const char *json, size_t len, void *arg)
{
	struct value_live *live = arg;

	if (announcements_are_news(live->announcements, json, len))
		add(live, json, len);
}

/* Ready means subscribed: no announcement is lost from then on. */
static void connection_changed(bool is_ready, void *arg)
{
	struct value_live *live = arg;

	announcements_forget(live->announcements);
	if (is_ready)
		add(live, READY, strlen(READY));
}

/* A loss counts from the second sweep that sees it, because a connection that is only replaced is back by then. */
static void look_for_losses(struct value_live *live)
{
	const struct values *values = live->values;
	bool has_redis = redis_is_ready(values->redis) && redis_is_ready(live->redis);
	unsigned seen = (postgres_is_ready(values->postgres) ? 0 : LOST_POSTGRES) | (has_redis ? 0 : LOST_REDIS);
	unsigned lost = seen & live->lost_last;

	live->lost_last = seen;
	if (lost == live->lost)
		return;
	live->lost = lost;
	add(live, states[lost], strlen(states[lost]));
}

static void deliver(void *arg)
{
	struct value_live *live = arg;
	struct websocket_frames *frames = live->frames;
	struct listener *listener;

	live->frames = NULL;
	LIST_FOREACH (listener, &live->listeners, link)
		if (is_still_admitted(listener)) {
			websocket_send_frames(listener->ws, frames);
			metrics_add(messages_total, live->frames_count);
		}
	live->frames_count = 0;
	websocket_frames_free(frames);
}

/* ---- a notice ---- */

static void write_notice(struct buf *json, const struct notice *notice)
{
	char at[CLOCK_TEXT_BYTES];

	clock_format(notice->at_ms, at);
	json_write_object(json);
	json_write_member_text(json, "event", "notice");
	json_write_member_text(json, "notice", notice->kind);
	json_write_member_text(json, "at", at);
	json_write_object_end(json);
}

/* The token is not checked again, so that a session which the change itself has ended gets the notice before it is closed: the
 * next sweep is at most SWEEP_MS away. */
static void noticed(const char *bytes, size_t len, void *arg)
{
	struct value_live *live = arg;
	struct listener *listener;
	struct notice notice;
	struct buf json = {0};

	if (notice_read(bytes, len, &notice) != STATUS_OK) {
		log_line(LOG_WARN, "a notice that can not be read was dropped");
		return;
	}
	write_notice(&json, &notice);
	LIST_FOREACH (listener, &live->listeners, link)
		if (listener->is_admitted && listener->claims.user_id == notice.user_id) {
			websocket_send(listener->ws, json.bytes, json.len);
			metrics_add(messages_total, 1);
		}
	buf_free(&json);
}

/* ---- creation and end ---- */

struct value_live *value_live_new(struct event_base *base, struct values *values)
{
	static const struct websocket_calls calls = {.message = message_received, .closed = closed};
	struct websocket_limits limits = {.message_bytes_max = MESSAGE_BYTES_MAX,
					  .output_bytes_max = (size_t)values->config->live_buffer_bytes_max,
					  .ping_ms = values->config->live_ping_s * 1000,
					  .pong_ms = values->config->live_ping_s * 1000,
					  .close_ms = CLOSE_MS};
	struct value_live *live = mem_alloc(sizeof *live);

	live->values = values;
	LIST_INIT(&live->listeners);
	live->group = websockets_new(base, &limits, &calls);
	live->announcements = announcements_new();
	live->deliver = loop_deferred_new(base, deliver, live);
	live->sweep = loop_every(base, SWEEP_MS, sweep, live);
	live->redis = redis_new(base, &values->config->redis, NULL, LOOP_PRIORITY_NORMAL);
	redis_on_change(live->redis, connection_changed, live);
	redis_subscribe(live->redis, JOBS_LIVE_CHANNEL, announced, live);
	redis_subscribe(live->redis, NOTICE_CHANNEL, noticed, live);
	redis_replace_with(live->redis, values->redis);
	return live;
}

void value_live_free(struct value_live *live)
{
	if (!live)
		return;
	redis_free(live->redis);
	loop_timer_free(live->sweep);
	loop_deferred_free(live->deliver);
	announcements_free(live->announcements);
	websocket_frames_free(live->frames);
	websockets_free(live->group);
	free(live);
}

/* One connection: waiting -> connecting (looked up, connected, authenticated, scripts loaded) -> ready -> lost -> waiting.
 * An address that fails before it is ready is followed by the name's next one; after the last comes the back-off, and a new
 * look-up. The connect time limit holds for the look-up and the first address, then for each further address.
 *
 * No step that was abandoned comes back: a look-up that was dropped has no callback, and a connection that was lost is closed.
 * So a late answer never opens a second connection. A reply that no command asked for, and a reply of the handshake that is not
 * what it should be, lose the connection, because nothing behind it can be assigned to its command. */
#include "redis/redis_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define DOUBT_US 5000000
#define PING_US 1000000 /* of a subscriber */

/* ---- losing the connection and reconnecting ---- */

static bool has_address_left(const struct redis *redis)
{
	return redis->tried < redis->addresses.count;
}

static void forget_addresses(struct redis *redis)
{
	redis->addresses.count = redis->tried = 0;
}

/* From the loop also for the next address, so that many that refuse at once do not hold up the loop. */
static void schedule_retry(struct redis *redis)
{
	redis->state = REDIS_WAITING;
	loop_timer_start(redis->retry, has_address_left(redis) ? 0 : loop_backoff_ms(redis->attempt++));
}

static void drop_lookup(struct redis *redis)
{
	if (redis->lookup)
		resolver_lookup_drop(redis->lookup);
	redis->lookup = NULL;
}

static void log_loss(struct redis *redis, const char *reason)
{
	if (!redis->has_reported_loss)
		log_line(LOG_WARN, "redis is not reachable", LOG_TEXT("see", "REDIS_URL"), LOG_TEXT("reason", reason),
			 LOG_INT("in_flight", redis->in_flight_count));
	redis->has_reported_loss = true;
}

static void report(struct redis *redis, bool is_ready)
{
	if (redis->changed)
		redis->changed(is_ready, redis->changed_arg);
}

static void reconnect(struct redis *redis, enum status oldest)
{
	bool was_ready = redis->state == REDIS_READY;

	drop_lookup(redis);
	redis_link_free(redis->link);
	redis->link = NULL;
	redis->refusal = NULL;
	redis_calls_fail(redis, oldest);
	schedule_retry(redis);
	if (was_ready)
		report(redis, false);
}

void redis_lose(struct redis *redis, const char *reason, enum status oldest)
{
	if (!has_address_left(redis))
		log_loss(redis, reason);
	reconnect(redis, oldest);
}

void redis_replace(struct redis *redis)
{
	if (redis->state == REDIS_READY)
		reconnect(redis, STATUS_UNAVAILABLE);
}

static void refuse(struct redis *redis, const redisReply *reply)
{
	redis_lose(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "another reply than the command has",
		   STATUS_UNAVAILABLE);
}

static void settle(struct redis *redis)
{
	redis->is_doubted = false;
	redis->attempt = 0;
	if (redis->has_reported_loss)
		log_line(LOG_INFO, "redis is reachable again");
	redis->has_reported_loss = false;
}

/* Redis answers a subscriber with an array, which no message is; what speaks for Redis may answer as to any other. */
static void subscriber_answered(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ARRAY || reply->type == REDIS_REPLY_STATUS)
		redis_call_end(redis, call);
	else
		refuse(redis, reply);
}

/* A subscriber sends nothing else, and would not notice that Redis has stopped to send. */
static void ping_if_due(struct redis *redis, int64_t now_us)
{
	if (LIST_EMPTY(&redis->channels) || redis->state != REDIS_READY || !TAILQ_EMPTY(&redis->in_flight) ||
	    now_us < redis->ping_due_us)
		return;
	redis->ping_due_us = now_us + PING_US;
	redis_call_ask(redis, 1, (const char *[]){"PING"}, NULL, subscriber_answered);
}

void redis_replace_with(struct redis *reader, const struct redis *commands)
{
	reader->commands = commands;
	reader->dropped_seen = commands->dropped_count;
}

static bool is_to_be_replaced(const struct redis *redis)
{
	return redis->state == REDIS_READY && redis->commands && redis->dropped_seen != redis->commands->dropped_count;
}

static void replace(struct redis *redis)
{
	redis->dropped_seen = redis->commands->dropped_count;
	redis->is_doubted = true;
	redis_lose(redis, "another connection led to the wrong server", STATUS_UNAVAILABLE);
}

void redis_watch(void *arg)
{
	struct redis *redis = arg;
	struct redis_call *oldest = TAILQ_FIRST(&redis->in_flight);
	int64_t now_us = clock_monotonic_us();

	if (redis->state == REDIS_CONNECTING && now_us > redis->connect_deadline_us)
		redis_lose(redis, redis->lookup ? "looking up the name took too long" : "connecting took too long",
			   STATUS_UNAVAILABLE);
	else if (oldest && now_us > oldest->deadline_us)
		redis_lose(redis, "a command took too long", STATUS_TIMEOUT);
	else if (is_to_be_replaced(redis))
		replace(redis);
	else if (redis->state == REDIS_READY && redis->is_doubted && now_us > redis->ready_us + DOUBT_US)
		settle(redis);
	ping_if_due(redis, now_us);
}

/* ---- connecting ---- */

/* The last reply of the handshake was as it should be: the connection is ready. */
static void advance(struct redis *redis, struct redis_call *call)
{
	redis_call_end(redis, call);
	if (--redis->handshakes > 0)
		return;
	redis->state = REDIS_READY;
	redis->ready_us = clock_monotonic_us();
	forget_addresses(redis);
	if (!redis->is_doubted)
		settle(redis);
	report(redis, true);
}

/* AUTH, SELECT and PING answer with a status. */
static void acknowledged(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_STATUS)
		advance(redis, call);
	else
		refuse(redis, reply);
}

static void script_loaded(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_STRING || reply->len != sizeof *redis->sha1 - 1) {
		refuse(redis, reply);
		return;
	}
	for (size_t i = 0; redis->scripts[i]; i++)
		if (redis->scripts[i] == call->script)
			memcpy(redis->sha1[i], reply->str, sizeof *redis->sha1);
	advance(redis, call);
}

/* An error (an ACL without CLIENT) does not keep the connection from becoming ready. */
static void identified(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_INTEGER && reply->type != REDIS_REPLY_ERROR) {
		refuse(redis, reply);
		return;
	}
	redis->client_id = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
	advance(redis, call);
}

static bool is_about(const redisReply *reply, const char *what)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && strcmp(redis_text(reply->element[0]), what) == 0;
}

static bool is_subscribed(struct redis *redis, const redisReply *reply)
{
	if (is_about(reply, "subscribe"))
		return true;
	refuse(redis, reply);
	return false;
}

static void subscribed(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (is_subscribed(redis, reply))
		advance(redis, call);
}

static void handshake(struct redis *redis, int argc, const char **argv, const struct redis_script *script,
		      void (*answered)(struct redis *, struct redis_call *, const redisReply *))
{
	redis->handshakes++;
	redis_call_ask(redis, argc, argv, script, answered);
}

/* SUBSCRIBE is the last, so that a caller misses no message once the connection is reported as ready. */
static void introduce(struct redis *redis)
{
	const struct redis_address *address = &redis->address;
	const struct redis_channel *channel;
	char database[16];

	redis->handshakes = 0;
	if (address->password && address->user)
		handshake(redis, 3, (const char *[]){"AUTH", address->user, address->password}, NULL, acknowledged);
	else if (address->password)
		handshake(redis, 2, (const char *[]){"AUTH", address->password}, NULL, acknowledged);
	if (address->database) {
		snprintf(database, sizeof database, "%d", address->database);
		handshake(redis, 2, (const char *[]){"SELECT", database}, NULL, acknowledged);
	}
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		handshake(redis, 3, (const char *[]){"SCRIPT", "LOAD", redis->scripts[i]->lua}, redis->scripts[i],
			  script_loaded);
	handshake(redis, 2, (const char *[]){"CLIENT", "ID"}, NULL, identified);
	handshake(redis, 1, (const char *[]){"PING"}, NULL, acknowledged);
	LIST_FOREACH (channel, &redis->channels, link)
		handshake(redis, 2, (const char *[]){"SUBSCRIBE", channel->name}, NULL, subscribed);
}

void redis_connected(struct redis *redis)
{
	introduce(redis);
}

/* NULL: the reply is no message of a channel that was subscribed to. */
static const struct redis_channel *channel_of(const struct redis *redis, const redisReply *reply)
{
	const struct redis_channel *channel;

	if (!is_about(reply, "message") || reply->element[2]->type != REDIS_REPLY_STRING)
		return NULL;
	LIST_FOREACH (channel, &redis->channels, link)
		if (strcmp(redis_text(reply->element[1]), channel->name) == 0)
			return channel;
	return NULL;
}

void redis_replied(struct redis *redis, const redisReply *reply)
{
	struct redis_call *call = TAILQ_FIRST(&redis->in_flight);
	const struct redis_channel *channel = channel_of(redis, reply);

	if (channel)
		channel->message(reply->element[2]->str, reply->element[2]->len, channel->arg);
	else if (call)
		call->answered(redis, call, reply);
	else
		redis_lose(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "a reply that no command asked for",
			   STATUS_UNAVAILABLE);
}

static void connect_to_next(struct redis *redis)
{
	redis->link = redis_link_new(redis, &redis->addresses.list[redis->tried++]);
	if (!redis->link)
		redis_lose(redis, strerror(errno), STATUS_UNAVAILABLE);
}

static void looked_up(enum status status, const struct resolver_addresses *addresses, const char *reason, void *arg)
{
	struct redis *redis = arg;

	redis->lookup = NULL;
	if (status != STATUS_OK) {
		redis_lose(redis, reason, STATUS_UNAVAILABLE);
		return;
	}
	redis->addresses = *addresses;
	connect_to_next(redis);
}

void redis_connect(void *arg)
{
	struct redis *redis = arg;

	redis->state = REDIS_CONNECTING;
	redis->connect_deadline_us = clock_monotonic_us() + redis->config.connect_timeout_ms * 1000;
	if (has_address_left(redis)) {
		connect_to_next(redis);
		return;
	}
	forget_addresses(redis);
	redis->lookup = resolver_look_up(redis->resolver, redis->address.host, looked_up, redis);
}

/* ---- subscribing ---- */

static void subscribed_later(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (is_subscribed(redis, reply))
		redis_call_end(redis, call);
}

void redis_subscribe(struct redis *redis, const char *name, void (*message)(const char *bytes, size_t len, void *arg),
		     void *arg)
{
	struct redis_channel *channel = mem_alloc(sizeof *channel);

	*channel = (struct redis_channel){.name = mem_strdup(name), .message = message, .arg = arg};
	LIST_INSERT_HEAD(&redis->channels, channel, link);
	if (redis->state == REDIS_READY)
		redis_call_ask(redis, 2, (const char *[]){"SUBSCRIBE", name}, NULL, subscribed_later);
}

/* One connection: waiting -> connecting (looked up, connected, authenticated, scripts loaded) -> ready -> lost -> waiting.
 * An address that fails before it is ready is followed by the name's next one; after the last comes the back-off, and a new
 * look-up. The connect time limit holds for the look-up and the first address, then for each further address.
 *
 * Each asynchronous step is recognized when it comes back: a callback of hiredis compares its context with the current one, and
 * a look-up that was dropped has no callback. So a late answer never opens a second connection.
 *
 * hiredis 0.14 has no asynchronous time-outs, and runs all callbacks at once when it frees a context; so a lost connection is
 * first detached (hiredis's callbacks then do nothing), and freed from the loop. */
#include "redis/redis_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define DOUBT_US 5000000

/* ---- losing the connection and reconnecting ---- */

static bool has_address_left(const struct redis *redis)
{
	return redis->tried < redis->addresses.count;
}

static void forget_addresses(struct redis *redis)
{
	redis->addresses.count = redis->tried = 0;
}

/* From the loop also for the next address, because hiredis may be on the stack. */
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

void redis_lose(struct redis *redis, const char *reason, enum status oldest)
{
	bool was_ready = redis->state == REDIS_READY;

	if (!has_address_left(redis))
		log_loss(redis, reason);
	drop_lookup(redis);
	redis->doomed = redis->context ? redis->context : redis->doomed;
	redis->context = NULL;
	redis_calls_fail(redis, oldest);
	schedule_retry(redis);
	loop_deferred_schedule(redis->reap);
	if (was_ready)
		report(redis, false);
}

void redis_reap(void *arg)
{
	struct redis *redis = arg;
	redisAsyncContext *doomed = redis->doomed;

	redis->doomed = NULL;
	if (!doomed)
		return;
	doomed->data = NULL;
	redisAsyncFree(doomed);
}

static void settle(struct redis *redis)
{
	redis->is_doubted = false;
	redis->attempt = 0;
	if (redis->has_reported_loss)
		log_line(LOG_INFO, "redis is reachable again");
	redis->has_reported_loss = false;
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
	else if (redis->state == REDIS_READY && redis->is_doubted && now_us > redis->ready_us + DOUBT_US)
		settle(redis);
}

/* hiredis is about to free this context by itself: the reaper must not free it again. Between the loss of a connection and the
 * reaper, whose priority may be lower, hiredis can still read the connection's end. */
static void forget_doomed(struct redis *redis, const redisAsyncContext *context)
{
	if (redis && redis->doomed == context)
		redis->doomed = NULL;
}

/* hiredis frees the context after this callback. */
static void disconnected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->data;

	forget_doomed(redis, context);
	if (!redis || redis->context != context)
		return;
	redis->context = NULL;
	redis_lose(redis, context->errstr && *context->errstr ? context->errstr : "closed", STATUS_UNAVAILABLE);
}

/* ---- connecting ---- */

static void handshake_answered(redisAsyncContext *context, void *reply_void, void *script)
{
	struct redis *redis = context->data;
	const redisReply *reply = reply_void;

	if (!redis || redis->context != context || redis->state != REDIS_CONNECTING)
		return;
	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		if (!reply)
			redis->context = NULL; /* hiredis is about to free it */
		redis_lose(redis, reply ? reply->str : "closed", STATUS_UNAVAILABLE);
		return;
	}
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		if (redis->scripts[i] == script && reply->type == REDIS_REPLY_STRING && reply->len == 40)
			memcpy(redis->sha1[i], reply->str, 41);
	if (--redis->handshakes > 0)
		return;
	redis->state = REDIS_READY;
	redis->ready_us = clock_monotonic_us();
	forget_addresses(redis);
	if (!redis->is_doubted)
		settle(redis);
	report(redis, true);
}

/* An error (an ACL without CLIENT) does not keep the connection from becoming ready. */
static void identified(redisAsyncContext *context, void *reply_void, void *arg)
{
	struct redis *redis = context->data;
	const redisReply *reply = reply_void;

	if (redis && redis->context == context && reply)
		redis->client_id = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

static void message_arrived(redisAsyncContext *context, void *reply_void, void *arg)
{
	struct redis *redis = context->data;
	const redisReply *reply = reply_void;

	if (!redis || redis->context != context || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
	    reply->element[0]->type != REDIS_REPLY_STRING || reply->element[2]->type != REDIS_REPLY_STRING)
		return;
	if (strcmp(reply->element[0]->str, "message") == 0)
		redis->message(reply->element[2]->str, reply->element[2]->len, redis->message_arg);
}

static void handshake(struct redis *redis, int argc, const char **argv, const struct redis_script *script)
{
	redis->handshakes++;
	redisAsyncCommandArgv(redis->context, handshake_answered, (void *)(uintptr_t)script, argc, argv, NULL);
}

static void introduce(struct redis *redis)
{
	const struct redis_address *address = &redis->address;
	char database[16];

	redis->handshakes = 0;
	if (address->password && address->user)
		handshake(redis, 3, (const char *[]){"AUTH", address->user, address->password}, NULL);
	else if (address->password)
		handshake(redis, 2, (const char *[]){"AUTH", address->password}, NULL);
	if (address->database) {
		snprintf(database, sizeof database, "%d", address->database);
		handshake(redis, 2, (const char *[]){"SELECT", database}, NULL);
	}
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		handshake(redis, 3, (const char *[]){"SCRIPT", "LOAD", redis->scripts[i]->lua}, redis->scripts[i]);
	redisAsyncCommand(redis->context, identified, NULL, "CLIENT ID");
	handshake(redis, 1, (const char *[]){"PING"}, NULL);
	if (redis->channel)
		redisAsyncCommand(redis->context, message_arrived, NULL, "SUBSCRIBE %s", redis->channel);
}

static void connected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->data;

	if (status != REDIS_OK)
		forget_doomed(redis, context);
	if (!redis || redis->context != context)
		return;
	if (status == REDIS_OK) {
		redisEnableKeepAlive(&redis->context->c); /* a subscriber sends nothing, and would not notice a vanished peer */
		introduce(redis);
		return;
	}
	redis->context = NULL; /* hiredis frees it */
	redis_lose(redis, context->errstr && *context->errstr ? context->errstr : "refused", STATUS_UNAVAILABLE);
}

static void connect_to(struct redis *redis, const char *address)
{
	redisAsyncContext *context = redisAsyncConnect(address, redis->address.port);

	if (!context || context->err) {
		redis_lose(redis, context ? context->errstr : "no memory", STATUS_UNAVAILABLE);
		if (context)
			redisAsyncFree(context);
		return;
	}
	redis->context = context;
	context->data = redis;
	redis_loop_attach(context, redis->base, redis->priority);
	redisAsyncSetConnectCallback(context, connected);
	redisAsyncSetDisconnectCallback(context, disconnected);
}

static void connect_to_next(struct redis *redis)
{
	const union resolver_address *address = &redis->addresses.list[redis->tried++];
	const void *bytes = address->any.sa_family == AF_INET ? (const void *)&address->ipv4.sin_addr
							      : (const void *)&address->ipv6.sin6_addr;
	char text[INET6_ADDRSTRLEN];

	connect_to(redis, inet_ntop(address->any.sa_family, bytes, text, sizeof text));
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

/* hiredis gets an address, because it would block while it looks up a name. */
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

void redis_subscribe(struct redis *redis, const char *channel, void (*message)(const char *bytes, size_t len, void *arg),
		     void *arg)
{
	redis->channel = mem_strdup(channel);
	redis->message = message;
	redis->message_arg = arg;
	if (redis->state == REDIS_READY)
		redisAsyncCommand(redis->context, message_arrived, NULL, "SUBSCRIBE %s", channel);
}

/* One connection: waiting -> connecting (looked up, connected, authenticated, scripts loaded) -> ready -> lost -> waiting.
 *
 * hiredis 0.14 has no asynchronous time-outs, and when it frees a context it runs all callbacks at once; so a lost connection
 * first detaches ours (each callback of hiredis then finds nobody), and is freed from the loop. */
#include "redis/redis_internal.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- losing it and coming back ---- */

static void schedule_retry(struct redis *redis)
{
	long delay_ms = loop_backoff_ms(redis->attempt++);

	redis->state = REDIS_WAITING;
	event_add(redis->retry, &(struct timeval){.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000});
}

static void report(struct redis *redis, bool is_ready)
{
	if (redis->changed)
		redis->changed(is_ready, redis->changed_arg);
}

void redis_lose(struct redis *redis, const char *reason, enum status oldest)
{
	bool was_ready = redis->state == REDIS_READY;

	if (!redis->has_reported_loss)
		log_line(LOG_WARN, "redis is not reachable", LOG_TEXT("see", "REDIS_URL"), LOG_TEXT("reason", reason),
			 LOG_INT("in_flight", redis->in_flight_count));
	redis->has_reported_loss = true;
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

void redis_watch(evutil_socket_t fd, short what, void *arg)
{
	struct redis *redis = arg;
	struct redis_call *oldest = TAILQ_FIRST(&redis->in_flight);
	int64_t now_us = clock_monotonic_us();

	if (redis->state == REDIS_CONNECTING && now_us > redis->connect_deadline_us)
		redis_lose(redis, "connecting took too long", STATUS_UNAVAILABLE);
	else if (oldest && now_us > oldest->deadline_us)
		redis_lose(redis, "a command took too long", STATUS_TIMEOUT);
}

/* hiredis frees the context after either of these, so it is forgotten first. */
static void disconnected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->data;

	if (!redis || redis->context != context)
		return;
	redis->context = NULL;
	redis_lose(redis, context->errstr && *context->errstr ? context->errstr : "closed", STATUS_UNAVAILABLE);
}

/* ---- connecting ---- */

static void handshake_answered(redisAsyncContext *context, void *reply_void, void *name)
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
		if (redis->scripts[i]->name == name && reply->type == REDIS_REPLY_STRING && reply->len == 40)
			memcpy(redis->sha1[i], reply->str, 41);
	if (--redis->handshakes > 0)
		return;
	redis->state = REDIS_READY;
	redis->attempt = 0;
	if (redis->has_reported_loss)
		log_line(LOG_INFO, "redis is reachable again");
	redis->has_reported_loss = false;
	report(redis, true);
}

/* Its being refused (an ACL without CLIENT) is no reason not to be ready. */
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

	if (!redis || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	if (strcmp(reply->element[0]->str, "message") == 0)
		redis->message(reply->element[2]->str, reply->element[2]->len, redis->message_arg);
}

static void handshake(struct redis *redis, int argc, const char **argv, const char *name)
{
	redis->handshakes++;
	redisAsyncCommandArgv(redis->context, handshake_answered, (void *)(uintptr_t)name, argc, argv, NULL);
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
		handshake(redis, 3, (const char *[]){"SCRIPT", "LOAD", redis->scripts[i]->lua}, redis->scripts[i]->name);
	redisAsyncCommand(redis->context, identified, NULL, "CLIENT ID");
	handshake(redis, 1, (const char *[]){"PING"}, NULL);
	if (redis->channel)
		redisAsyncCommand(redis->context, message_arrived, NULL, "SUBSCRIBE %s", redis->channel);
}

static void connected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->data;

	if (!redis || redis->context != context)
		return;
	if (status == REDIS_OK) {
		redisEnableKeepAlive(&redis->context->c); /* one that only listens would never learn that its peer is gone */
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

static void looked_up(int error, struct evutil_addrinfo *found, void *arg)
{
	struct redis *redis = arg;
	char address[INET6_ADDRSTRLEN + 1] = "";

	if (redis)
		redis->lookup = NULL;
	if (error == EVUTIL_EAI_CANCEL || !redis)
		return;
	if (error ||
	    getnameinfo(found->ai_addr, (socklen_t)found->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0)
		redis_lose(redis, "its name is not known", STATUS_UNAVAILABLE);
	else
		connect_to(redis, address);
	if (found)
		evutil_freeaddrinfo(found);
}

/* redisAsyncConnect() would look the name up and block. */
void redis_connect(evutil_socket_t fd, short what, void *arg)
{
	struct redis *redis = arg;
	struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	unsigned char bytes[16];
	const char *host = redis->address.host;

	redis->state = REDIS_CONNECTING;
	redis->connect_deadline_us = clock_monotonic_us() + redis->config.connect_timeout_ms * 1000;
	if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1) {
		connect_to(redis, host);
		return;
	}
	if (!redis->dns)
		redis->dns = evdns_base_new(redis->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	redis->lookup = evdns_getaddrinfo(redis->dns, host, NULL, &hints, looked_up, redis);
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

/* States: connecting (name looked up, connected, authenticated, scripts loaded) -> ready -> lost -> waiting -> connecting …
 *
 * hiredis answers in the order of asking, so what is in flight is a list of our own: its first entry is the oldest, and one
 * timer that looks at it is the time limit of all. hiredis 0.14 has no asynchronous time-outs, and when it frees a context it
 * runs all callbacks at once; so a lost connection first detaches ours (each callback of hiredis then finds nobody), and is
 * freed from the loop. */
#include "redis_internal.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "mem.h"

#define WATCH_MS 100

const struct config_option redis_options[] = {
	{"REDIS_URL", CONFIG_URL, offsetof(struct redis_config, url), NULL,
	 "redis://[user:password@]host:port/database; or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD", 0, 0, true},
	{"REDIS_HOST", CONFIG_TEXT, offsetof(struct redis_config, host), "127.0.0.1", "Redis's host", 0, 0, false},
	{"REDIS_PORT", CONFIG_INT, offsetof(struct redis_config, port), "6379", "Redis's port", 1, 65535, false},
	{"REDIS_PASSWORD", CONFIG_URL, offsetof(struct redis_config, password), NULL, "Redis's password", 0, 0, true},
	{"REDIS_COMMAND_TIMEOUT_MS", CONFIG_INT, offsetof(struct redis_config, command_timeout_ms), "2000",
	 "time limit of a command", 10, 600000, false},
	{"REDIS_CONNECT_TIMEOUT_MS", CONFIG_INT, offsetof(struct redis_config, connect_timeout_ms), "2000",
	 "time limit of connecting", 10, 600000, false},
	{"REDIS_IN_FLIGHT_MAX", CONFIG_INT, offsetof(struct redis_config, in_flight_max), "10000",
	 "commands in flight at once; beyond it 503", 1, 1000000, false},
	{0},
};

/* One command. Lives until both hiredis has answered it (or let go of it) and its caller has been told. */
struct redis_call {
	struct op op;
	struct redis *redis; /* NULL once its connection was lost: hiredis's callback then only frees it */
	redis_done *done;
	void *arg;
	int64_t deadline_us;
	const char *name; /* of the command, for the log */
	const struct redis_script
		*script; /* of redis_eval(); then what follows repeats it when Redis has forgotten the script */
	char *bytes;     /* as it was sent */
	int len;
	bool is_repeated;
	void *owned; /* redis_call_own() */
	enum status failure;
	TAILQ_ENTRY(redis_call) link;
};
TAILQ_HEAD(redis_calls, redis_call);

enum state { WAITING, CONNECTING, READY };

struct redis {
	struct event_base *base;
	struct redis_config config;
	struct redis_address address;
	const struct redis_script *const *scripts;
	char (*sha1)[41];
	int priority;
	enum state state;
	bool has_reported_loss;
	redisAsyncContext *context, *doomed;
	struct redis_calls in_flight, failed; /* failed: their callers are told from the loop */
	unsigned in_flight_count, attempt;
	int handshakes; /* replies of the handshake still to come */
	int64_t connect_deadline_us;
	struct event *retry, *watch, *tell;
	struct loop_deferred *reap;
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *lookup;
	void (*changed)(bool is_ready, void *arg);
	void *changed_arg;
	char *channel;
	void (*message)(const char *bytes, size_t len, void *arg);
	void *message_arg;
};

static void connect_now(struct redis *redis);
static void lose(struct redis *redis, const char *reason, enum status oldest);

static void call_free(struct redis_call *call)
{
	redisFreeCommand(call->bytes);
	free(call->owned);
	free(call);
}

/* ---- losing a connection and coming back ---- */

static void schedule_retry(struct redis *redis)
{
	struct timeval delay = loop_backoff(redis->attempt++);

	redis->state = WAITING;
	event_add(redis->retry, &delay);
}

static void report(struct redis *redis, bool is_ready)
{
	if (redis->changed)
		redis->changed(is_ready, redis->changed_arg);
}

static void call_fail(struct redis *redis, struct redis_call *call, enum status status)
{
	call->failure = status;
	TAILQ_INSERT_TAIL(&redis->failed, call, link);
	if (!event_pending(redis->tell, EV_TIMEOUT, NULL))
		event_add(redis->tell, &(struct timeval){0});
}

/* Everything in flight has failed; its callers learn of it from the loop, never from within what failed. */
static void fail_in_flight(struct redis *redis, enum status oldest)
{
	struct redis_call *call;
	enum status status = oldest;

	while ((call = TAILQ_FIRST(&redis->in_flight))) {
		struct redis_call *told = mem_alloc(sizeof *told);

		TAILQ_REMOVE(&redis->in_flight, call, link);
		*told = (struct redis_call){.done = call->done, .arg = call->arg, .owned = call->owned};
		call->owned = NULL;
		if (call->op.scope) {
			struct scope *scope = call->op.scope;

			op_end(&call->op);
			op_start(scope, &told->op);
		}
		call_fail(redis, told, status);
		call->redis = NULL;
		status = STATUS_UNAVAILABLE;
	}
	redis->in_flight_count = 0;
}

static void lose(struct redis *redis, const char *reason, enum status oldest)
{
	bool was_ready = redis->state == READY;

	if (!redis->has_reported_loss)
		log_line(LOG_WARN, "redis is not reachable", LOG_TEXT("reason", reason),
			 LOG_INT("in_flight", redis->in_flight_count));
	redis->has_reported_loss = true;
	redis->doomed = redis->context ? redis->context : redis->doomed;
	redis->context = NULL;
	fail_in_flight(redis, oldest);
	schedule_retry(redis);
	loop_deferred_schedule(redis->reap);
	if (was_ready)
		report(redis, false);
}

static void reap(void *arg)
{
	struct redis *redis = arg;
	redisAsyncContext *doomed = redis->doomed;

	redis->doomed = NULL;
	if (!doomed)
		return;
	doomed->data = NULL;
	redisAsyncFree(doomed);
}

/* In the loop's next turn, by a timer: one whose callback tries again at once would be told in the same turn for ever. */
static void tell_failed(evutil_socket_t fd, short what, void *arg)
{
	struct redis_calls failed = TAILQ_HEAD_INITIALIZER(failed);
	struct redis *redis = arg;
	struct redis_call *call;

	TAILQ_CONCAT(&failed, &redis->failed, link);
	while ((call = TAILQ_FIRST(&failed))) {
		TAILQ_REMOVE(&failed, call, link);
		if (op_end(&call->op))
			call->done(call->failure, NULL, call->arg);
		call_free(call);
	}
}

static void watch(evutil_socket_t fd, short what, void *arg)
{
	struct redis *redis = arg;
	struct redis_call *oldest = TAILQ_FIRST(&redis->in_flight);
	int64_t now_us = clock_monotonic_us();

	if (redis->state == CONNECTING && now_us > redis->connect_deadline_us)
		lose(redis, "connecting took too long", STATUS_UNAVAILABLE);
	else if (oldest && now_us > oldest->deadline_us)
		lose(redis, "a command took too long", STATUS_TIMEOUT);
}

/* hiredis frees the context after either of these, so it is forgotten first. */
static void disconnected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->data;

	if (!redis || redis->context != context)
		return;
	redis->context = NULL;
	lose(redis, context->errstr && *context->errstr ? context->errstr : "closed", STATUS_UNAVAILABLE);
}

/* ---- connecting ---- */

static void handshake_answered(redisAsyncContext *context, void *reply_void, void *name)
{
	struct redis *redis = context->data;
	const redisReply *reply = reply_void;

	if (!redis || redis->context != context || redis->state != CONNECTING)
		return;
	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		if (!reply)
			redis->context = NULL; /* hiredis is about to free it */
		lose(redis, reply ? reply->str : "closed", STATUS_UNAVAILABLE);
		return;
	}
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		if (redis->scripts[i]->name == name && reply->type == REDIS_REPLY_STRING && reply->len == 40)
			memcpy(redis->sha1[i], reply->str, 41);
	if (--redis->handshakes > 0)
		return;
	redis->state = READY;
	redis->attempt = 0;
	if (redis->has_reported_loss)
		log_line(LOG_INFO, "redis is reachable again");
	redis->has_reported_loss = false;
	report(redis, true);
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
		introduce(redis);
		return;
	}
	redis->context = NULL; /* hiredis frees it */
	lose(redis, context->errstr && *context->errstr ? context->errstr : "refused", STATUS_UNAVAILABLE);
}

static void connect_to(struct redis *redis, const char *address)
{
	redisAsyncContext *context = redisAsyncConnect(address, redis->address.port);

	if (!context || context->err) {
		lose(redis, context ? context->errstr : "no memory", STATUS_UNAVAILABLE);
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
		lose(redis, "its name is not known", STATUS_UNAVAILABLE);
	else
		connect_to(redis, address);
	if (found)
		evutil_freeaddrinfo(found);
}

/* redisAsyncConnect() would look the name up and block. */
static void connect_now(struct redis *redis)
{
	struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	unsigned char bytes[16];
	const char *host = redis->address.host;

	redis->state = CONNECTING;
	redis->connect_deadline_us = clock_monotonic_us() + redis->config.connect_timeout_ms * 1000;
	if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1) {
		connect_to(redis, host);
		return;
	}
	if (!redis->dns)
		redis->dns = evdns_base_new(redis->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	redis->lookup = evdns_getaddrinfo(redis->dns, host, NULL, &hints, looked_up, redis);
}

static void retry(evutil_socket_t fd, short what, void *arg)
{
	connect_now(arg);
}

/* ---- commands ---- */

static const char *argument(const redisReply *reply)
{
	return reply->str ? reply->str : "";
}

static void send_call(struct redis *redis, struct redis_call *call);

/* Redis has forgotten the script (SCRIPT FLUSH): it is loaded again, and the call repeated behind that. */
static bool repeat(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (!call->script || call->is_repeated || strncmp(argument(reply), "NOSCRIPT", 8) != 0)
		return false;
	call->is_repeated = true;
	redisAsyncCommand(redis->context, NULL, NULL, "SCRIPT LOAD %s", call->script->lua);
	send_call(redis, call);
	return true;
}

static void answered(redisAsyncContext *context, void *reply_void, void *arg)
{
	struct redis_call *call = arg;
	struct redis *redis = call->redis;
	const redisReply *reply = reply_void;
	enum status status = STATUS_OK;

	if (!redis) {
		call_free(call);
		return;
	}
	if (!reply) { /* the connection is going down */
		redis->context = redis->context == context ? NULL : redis->context;
		lose(redis, context->errstr && *context->errstr ? context->errstr : "closed", STATUS_UNAVAILABLE);
		call_free(call);
		return;
	}
	TAILQ_REMOVE(&redis->in_flight, call, link);
	redis->in_flight_count--;
	if (reply->type == REDIS_REPLY_ERROR) {
		if (repeat(redis, call, reply))
			return;
		log_line(LOG_WARN, "redis refused a command", LOG_TEXT("command", call->name),
			 LOG_TEXT("reason", argument(reply)));
		status = STATUS_INTERNAL;
	}
	if (op_end(&call->op))
		call->done(status, reply, call->arg);
	call_free(call);
}

static void send_call(struct redis *redis, struct redis_call *call)
{
	TAILQ_INSERT_TAIL(&redis->in_flight, call, link);
	redis->in_flight_count++;
	redisAsyncFormattedCommand(redis->context, answered, call, call->bytes, (size_t)call->len);
}

void redis_call_own(struct redis_call *call, void *memory)
{
	call->owned = memory;
}

/* A call that can not be sent is failed from the loop: is_sendable says which it is. */
static struct redis_call *call_new(struct redis *redis, struct scope *scope, const char *name, long limit_ms, redis_done *done,
				   void *arg, bool *ret_is_sendable)
{
	struct redis_call *call = mem_alloc(sizeof *call);

	*call = (struct redis_call){.redis = redis, .done = done, .arg = arg, .name = name};
	call->deadline_us = clock_monotonic_us() + limit_ms * 1000;
	op_start(scope, &call->op);
	*ret_is_sendable = redis->state == READY && redis->in_flight_count < (unsigned)redis->config.in_flight_max;
	if (*ret_is_sendable)
		return call;
	call_fail(redis, call, redis->state == READY ? STATUS_BUSY : STATUS_UNAVAILABLE);
	return call;
}

struct redis_call *redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc, const char **argv,
					  const size_t *lens, redis_done *done, void *arg)
{
	bool is_sendable;
	struct redis_call *call =
		call_new(redis, scope, "command", redis->config.command_timeout_ms + block_ms, done, arg, &is_sendable);

	if (!is_sendable)
		return call;
	call->len = redisFormatCommandArgv(&call->bytes, argc, argv, lens);
	if (call->len < 0)
		abort();
	send_call(redis, call);
	return call;
}

struct redis_call *redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv, const size_t *lens,
				 redis_done *done, void *arg)
{
	return redis_command_blocking(redis, scope, 0, argc, argv, lens, done, arg);
}

static const char *sha1_of(const struct redis *redis, const struct redis_script *script)
{
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		if (redis->scripts[i] == script && redis->sha1[i][0])
			return redis->sha1[i];
	return NULL;
}

struct redis_call *redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys, int argc,
			      const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	bool is_sendable;
	struct redis_call *call =
		call_new(redis, scope, script->name, redis->config.command_timeout_ms, done, arg, &is_sendable);
	const char *sha1 = sha1_of(redis, script);
	const char *stack_argv[16], **all = argc + 3 <= 16 ? stack_argv : mem_alloc((size_t)(argc + 3) * sizeof *all);
	size_t stack_lens[16], *all_lens = argc + 3 <= 16 ? stack_lens : mem_alloc((size_t)(argc + 3) * sizeof *all_lens);
	char keys_text[16];

	if (!is_sendable)
		goto out;
	snprintf(keys_text, sizeof keys_text, "%d", keys);
	all[2] = keys_text;
	all_lens[2] = strlen(keys_text);
	for (int i = 0; i < argc; i++) {
		all[3 + i] = argv[i];
		all_lens[3 + i] = lens ? lens[i] : strlen(argv[i]);
	}
	all[0] = sha1 ? "EVALSHA" : "EVAL";
	all[1] = sha1 ? sha1 : script->lua;
	all_lens[0] = strlen(all[0]);
	all_lens[1] = strlen(all[1]);
	call->script = script;
	call->len = redisFormatCommandArgv(&call->bytes, argc + 3, all, all_lens);
	if (call->len < 0)
		abort();
	send_call(redis, call);
out:
	if (all != stack_argv)
		free(all);
	if (all_lens != stack_lens)
		free(all_lens);
	return call;
}

void redis_subscribe(struct redis *redis, const char *channel, void (*message)(const char *bytes, size_t len, void *arg),
		     void *arg)
{
	redis->channel = mem_strdup(channel);
	redis->message = message;
	redis->message_arg = arg;
	if (redis->state == READY)
		redisAsyncCommand(redis->context, message_arrived, NULL, "SUBSCRIBE %s", channel);
}

/* ---- life ---- */

static void set_address(struct redis *redis)
{
	const struct redis_config *config = &redis->config;

	if (config->url) {
		if (redis_url_parse(config->url, &redis->address) == STATUS_OK)
			return;
		log_line(LOG_ERROR, "REDIS_URL is not redis://[user:password@]host:port/database");
		redis->address.host = mem_strdup("127.0.0.1");
		redis->address.port = 6379;
		return;
	}
	redis->address.host = mem_strdup(config->host);
	redis->address.port = (int)config->port;
	redis->address.password = config->password ? mem_strdup(config->password) : NULL;
}

struct redis *redis_new(struct event_base *base, const struct redis_config *config, const struct redis_script *const *scripts,
			int priority)
{
	struct redis *redis = mem_alloc(sizeof *redis);
	size_t count = 0;

	while (scripts && scripts[count])
		count++;
	redis->base = base;
	redis->config = *config;
	redis->scripts = scripts;
	redis->sha1 = mem_alloc((count + 1) * sizeof *redis->sha1);
	redis->priority = priority;
	TAILQ_INIT(&redis->in_flight);
	TAILQ_INIT(&redis->failed);
	set_address(redis);
	redis->retry = event_new(base, -1, 0, retry, redis);
	redis->watch = event_new(base, -1, EV_PERSIST, watch, redis);
	event_priority_set(redis->retry, LOOP_PRIORITY_NORMAL);
	redis->tell = event_new(base, -1, 0, tell_failed, redis);
	event_priority_set(redis->watch, LOOP_PRIORITY_NORMAL);
	event_priority_set(redis->tell, LOOP_PRIORITY_NORMAL);
	event_add(redis->watch, &(struct timeval){.tv_usec = WATCH_MS * 1000});
	redis->reap = loop_deferred_new(base, reap, redis);
	event_add(redis->retry, &(struct timeval){0});
	return redis;
}

static void detach_all(struct redis *redis)
{
	struct redis_call *call;

	while ((call = TAILQ_FIRST(&redis->in_flight))) {
		TAILQ_REMOVE(&redis->in_flight, call, link);
		op_end(&call->op);
		call->redis = NULL;
	}
	while ((call = TAILQ_FIRST(&redis->failed))) {
		TAILQ_REMOVE(&redis->failed, call, link);
		op_end(&call->op);
		call_free(call);
	}
}

void redis_free(struct redis *redis)
{
	redisAsyncContext *contexts[2];

	if (!redis)
		return;
	detach_all(redis);
	contexts[0] = redis->context;
	contexts[1] = redis->doomed;
	redis->context = redis->doomed = NULL;
	for (int i = 0; i < 2; i++)
		if (contexts[i]) {
			contexts[i]->data = NULL;
			redisAsyncFree(contexts[i]);
		}
	if (redis->lookup)
		evdns_getaddrinfo_cancel(redis->lookup);
	if (redis->dns)
		evdns_base_free(redis->dns, 0);
	event_free(redis->retry);
	event_free(redis->watch);
	event_free(redis->tell);
	loop_deferred_free(redis->reap);
	redis_address_free(&redis->address);
	free(redis->channel);
	free(redis->sha1);
	free(redis);
}

bool redis_is_ready(const struct redis *redis)
{
	return redis->state == READY;
}

void redis_on_change(struct redis *redis, void (*changed)(bool is_ready, void *arg), void *arg)
{
	redis->changed = changed;
	redis->changed_arg = arg;
}

/* The connections of the fake Redis: requests in RESP, scripts that it knows by their SHA1, reads that wait, and what an
 * operator or a failing machine does to its data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "redis_data.h"
#include "simulator.h"

#define ARGS_MAX 2048
#define SCRIPTS_MAX 32
#define CHANNELS_MAX 2

struct request {
	int argc;
	const char *argv[ARGS_MAX];
	size_t lens[ARGS_MAX];
};

struct session {
	struct wire *wire;
	bool is_waiting; /* in a blocking read */
	uint64_t order;  /* in which they began to wait */
	int64_t due_us;
	char channels[CHANNELS_MAX][64]; /* that it is subscribed to */
	int channels_n;
	bool is_list;                           /* BLPOP */
	char key[64], group[64], consumer[256]; /* group "": XREAD */
	long count;
	struct stream_id after;
};

struct redis_faults redis_faults;
static struct database database, snapshot;
static struct {
	char sha1[41];
	char *lua;
	size_t len;
} scripts[SCRIPTS_MAX];
static int script_count;
static uint64_t waits;
static char life[41]; /* run_id */

/* ---- requests ---- */

/* *2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n; the arguments are ended by a NUL in place of their \r. */
static void parse(char *bytes, struct request *request)
{
	long argc = strtol(bytes + 1, &bytes, 10);

	if (argc > ARGS_MAX)
		mem_die("a request has too many arguments\n");
	request->argc = (int)argc;
	for (int i = 0; i < request->argc; i++) {
		request->lens[i] = strtoul(bytes + 3, &bytes, 10); /* behind \r\n$ */
		request->argv[i] = bytes + 2;
		bytes += 2 + request->lens[i];
	}
	for (int i = 0; i < request->argc; i++)
		((char *)(uintptr_t)request->argv[i])[request->lens[i]] = '\0';
}

static bool is_word(const struct request *request, int i, const char *word)
{
	return i < request->argc && strcasecmp(request->argv[i], word) == 0;
}

static void answer(struct wire *wire, redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		trace_text("redis refuses", reply->str, reply->len);
		if (strncmp(reply->str, "SIMULATOR", 9) == 0)
			promise_broken("the simulator does not know a command", reply->str);
	}
	wire_send(&wire->to_client, reply, 0);
}

/* ---- scripts ---- */

static redisReply *load(const char *lua, size_t len)
{
	char sha1[41];

	script_sha1(lua, len, sha1);
	for (int i = 0; i < script_count; i++)
		if (strcmp(scripts[i].sha1, sha1) == 0)
			return reply_text(sha1, 40);
	if (script_count == SCRIPTS_MAX)
		mem_die("too many scripts\n");
	memcpy(scripts[script_count].sha1, sha1, sizeof sha1);
	scripts[script_count].lua = text_copy(lua, len).bytes;
	scripts[script_count++].len = len;
	return reply_text(sha1, 40);
}

void redis_server_forget_scripts(void)
{
	for (int i = 0; i < script_count; i++)
		free(scripts[i].lua);
	script_count = 0;
}

static redisReply *evaluate(const struct command *command, const struct request *request)
{
	int keys = (int)strtol(request->argv[2], NULL, 10);

	if (is_word(request, 0, "EVAL"))
		return script_run(command, request->argv[1], request->lens[1], keys, request->argc - 3,
				  (const char **)&request->argv[3], &request->lens[3]);
	for (int i = 0; i < script_count; i++)
		if (strcmp(scripts[i].sha1, request->argv[1]) == 0)
			return script_run(command, scripts[i].lua, scripts[i].len, keys, request->argc - 3,
					  (const char **)&request->argv[3], &request->lens[3]);
	return reply_error("NOSCRIPT No matching script. Please use EVAL.");
}

/* ---- reads that wait ---- */

static struct session *first_waiting(uint64_t after)
{
	struct session *first = NULL;
	struct wire *wire;

	TAILQ_FOREACH (wire, &wires, link) {
		struct session *session = wire->session;

		if (wire->kind == WIRE_REDIS && session && session->is_waiting && session->order > after &&
		    (!first || session->order < first->order))
			first = session;
	}
	return first;
}

static redisReply *serve_waiting(const struct session *session)
{
	const struct value *stream = database_find(&database, session->key, strlen(session->key));

	if (session->is_list)
		return list_pop(&database, session->key);
	if (!*session->group)
		return stream_read(&database, session->key, session->after, session->count);
	if (!stream)
		return reply_error("UNBLOCKED the stream key no longer exists");
	return group_read(&database, session->key, session->group, session->consumer, session->count, redis_unix_ms());
}

static void stop_waiting(struct session *session, redisReply *reply)
{
	session->is_waiting = false;
	trace("redis answers a waiting read", session->wire->fd, (int64_t)reply->elements);
	answer(session->wire, reply);
}

/* In the order in which they began to wait. */
static void serve_all_waiting(void)
{
	struct session *session;
	uint64_t after = 0;

	while ((session = first_waiting(after))) {
		redisReply *reply = serve_waiting(session);

		after = session->order;
		if (reply)
			stop_waiting(session, reply);
	}
}

static const char *option(const struct request *request, const char *name)
{
	for (int i = 1; i + 1 < request->argc; i++)
		if (is_word(request, i, name))
			return request->argv[i + 1];
	return NULL;
}

/* BLPOP key seconds */
static void wait_for_element(struct session *session, const struct request *request)
{
	session->is_waiting = session->is_list = true;
	session->order = ++waits;
	session->due_us = now_us + strtoll(request->argv[2], NULL, 10) * 1000000;
	snprintf(session->key, sizeof session->key, "%s", request->argv[1]);
}

static void wait_for_more(struct session *session, const struct request *request)
{
	const char *count = option(request, "COUNT");
	bool is_group = is_word(request, 0, "XREADGROUP");

	session->is_waiting = true;
	session->is_list = false;
	session->order = ++waits;
	session->due_us = now_us + strtoll(option(request, "BLOCK"), NULL, 10) * 1000;
	session->count = count ? strtol(count, NULL, 10) : 1000000;
	snprintf(session->key, sizeof session->key, "%s", request->argv[request->argc - 2]);
	snprintf(session->group, sizeof session->group, "%s", is_group ? request->argv[2] : "");
	snprintf(session->consumer, sizeof session->consumer, "%s", is_group ? request->argv[3] : "");
	if (!is_group)
		stream_id_parse(request->argv[request->argc - 1], request->lens[request->argc - 1], 0, &session->after);
}

int64_t redis_server_next_due_us(void)
{
	int64_t next = INT64_MAX;
	struct wire *wire;

	TAILQ_FOREACH (wire, &wires, link) {
		const struct session *session = wire->session;

		if (wire->kind == WIRE_REDIS && session && session->is_waiting && session->due_us < next)
			next = session->due_us;
	}
	return next;
}

void redis_server_time_over(void)
{
	int64_t next = redis_server_next_due_us();
	struct wire *wire;

	TAILQ_FOREACH (wire, &wires, link) {
		struct session *session = wire->session;

		if (wire->kind == WIRE_REDIS && session && session->is_waiting && session->due_us == next) {
			stop_waiting(session, reply_nil());
			return;
		}
	}
}

static redisReply *unblock(const struct request *request)
{
	int fd = (int)strtol(request->argv[2], NULL, 10);
	struct wire *wire;

	TAILQ_FOREACH (wire, &wires, link) {
		struct session *session = wire->session;

		if (wire->kind == WIRE_REDIS && wire->fd == fd && session && session->is_waiting) {
			stop_waiting(session, reply_nil());
			return reply_int(1);
		}
	}
	return reply_int(0);
}

/* ---- serving ---- */

static redisReply *message(const char *kind, const char *channel, const char *text, size_t len)
{
	redisReply *reply = reply_array(3);

	reply->element[0] = reply_text(kind, strlen(kind));
	reply->element[1] = reply_text(channel, strlen(channel));
	reply->element[2] = reply_text(text, len);
	return reply;
}

static redisReply *subscribe(struct session *session, const char *channel)
{
	if (session->channels_n == CHANNELS_MAX)
		return reply_error("ERR the simulator knows no more channels");
	snprintf(session->channels[session->channels_n++], sizeof session->channels[0], "%s", channel);
	return message("subscribe", channel, "1", 1);
}

static bool is_subscribed(const struct session *session, const char *channel)
{
	for (int i = 0; i < session->channels_n; i++)
		if (strcmp(session->channels[i], channel) == 0)
			return true;
	return false;
}

static void published(const char *channel, const char *text, size_t len)
{
	struct wire *wire;

	promises_published_on(channel, text, len);
	TAILQ_FOREACH (wire, &wires, link) {
		const struct session *session = wire->session;

		if (wire->kind == WIRE_REDIS && session && is_subscribed(session, channel))
			wire_send(&wire->to_client, message("message", channel, text, len), 0);
	}
}

/* What belongs to the connection; NULL: it is a command about data. */
static redisReply *of_connection(const struct wire *wire, const struct request *request)
{
	if (is_word(request, 0, "SCRIPT") && is_word(request, 1, "LOAD"))
		return load(request->argv[2], request->lens[2]);
	if (is_word(request, 0, "CLIENT") && is_word(request, 1, "ID"))
		return reply_int(wire->fd);
	if (is_word(request, 0, "CLIENT") && is_word(request, 1, "UNBLOCK"))
		return unblock(request);
	if (is_word(request, 0, "SUBSCRIBE"))
		return subscribe(wire->session, request->argv[1]);
	return NULL;
}

static redisReply *run(const struct wire *wire, const struct request *request)
{
	struct command command = {
		.database = &database,
		.argc = request->argc,
		.argv = (const char **)(uintptr_t)request->argv,
		.lens = request->lens,
		.now_ms = redis_unix_ms(),
		.now_us = redis_unix_ms() * 1000 + now_us % 1000,
		.is_full = redis_faults.is_full,
		.refuses_writes = redis_faults.refuses_writes,
		.appended = promises_appended,
		.published = published,
		.life = life,
		.stored = promises_result_stored,
	};
	redisReply *reply = redis_faults.refuses ? reply_error("%s", redis_faults.refuses) : of_connection(wire, request);

	if (reply)
		return reply;
	if (strncasecmp(request->argv[0], "EVAL", 4) == 0)
		return evaluate(&command, request);
	return command_run(&command);
}

void redis_server_open(struct wire *wire)
{
	struct session *session = mem_alloc(sizeof *session);

	session->wire = wire;
	wire->session = session;
}

void redis_server_closed(struct wire *wire)
{
	free(wire->session);
	wire->session = NULL;
}

bool redis_server_can_serve(const struct wire *wire)
{
	const struct session *session = wire->session;

	return session && !session->is_waiting && !STAILQ_EMPTY(&wire->to_server);
}

void redis_server_serve(struct wire *wire)
{
	static struct request request;
	size_t len;
	char *bytes = wire_receive(&wire->to_server, &len);
	redisReply *reply;

	trace_text("redis runs", bytes, len);
	parse(bytes, &request);
	reply = run(wire, &request);
	if (reply->type == REDIS_REPLY_NIL && option(&request, "BLOCK") && strncasecmp(request.argv[0], "XREAD", 5) == 0) {
		freeReplyObject(reply);
		wait_for_more(wire->session, &request);
	} else if (reply->type == REDIS_REPLY_NIL && is_word(&request, 0, "BLPOP")) {
		freeReplyObject(reply);
		wait_for_element(wire->session, &request);
	} else {
		answer(wire, reply);
	}
	free(bytes);
	serve_all_waiting();
}

/* ---- what happens to it ---- */

static void begin_life(void)
{
	for (int i = 0; i < 40; i++)
		life[i] = "0123456789abcdef"[chance_below(16)];
}

void redis_server_restart(void)
{
	struct wire *wire, *next;

	for (wire = TAILQ_FIRST(&wires); wire; wire = next) {
		next = TAILQ_NEXT(wire, link);
		if (wire->kind == WIRE_REDIS && wire->state == WIRE_OPEN && !wire->is_cut)
			wire_cut(wire);
	}
	redis_server_forget_scripts();
	begin_life();
}

void redis_server_flush(void)
{
	database_free(&database);
	promises_data_lost();
	serve_all_waiting();
}

void redis_server_delete(const char *key)
{
	struct value *value = database_find(&database, key, strlen(key));

	if (value)
		database_remove(&database, value);
	promises_data_lost();
	promises_keys_disagree();
	serve_all_waiting();
}

void redis_server_remember(void)
{
	database_free(&snapshot);
	snapshot = database_copy(&database);
}

void redis_server_roll_back(void)
{
	database_free(&database);
	database = database_copy(&snapshot);
	promises_data_lost();
	redis_server_restart();
}

void redis_server_reset(void)
{
	database_free(&database);
	database_free(&snapshot);
	redis_server_forget_scripts();
	begin_life();
	redis_faults = (struct redis_faults){0};
}

/* ---- for promises.c ---- */

const char *redis_server_hash_get(const char *key, const char *field, size_t *ret_len)
{
	const struct value *hash = database_find(&database, key, strlen(key));
	const struct pair *pair = hash && hash->type == VALUE_HASH ? hash_find(hash, field, strlen(field)) : NULL;

	if (!pair)
		return NULL;
	*ret_len = pair->value.len;
	return pair->value.bytes;
}

int64_t redis_server_length(const char *key)
{
	const struct value *value = database_find(&database, key, strlen(key));

	return value ? value->count : 0;
}

int64_t redis_server_pending(const char *key, const char *name)
{
	const struct value *stream = database_find(&database, key, strlen(key));
	const struct group *group = stream ? stream_group(stream, name, strlen(name)) : NULL;

	return group ? group->pending_count : 0;
}

/* All deliveries are used up, and the last lease is over. */
void redis_server_wear_out(const char *key, const char *name)
{
	const struct value *stream = database_find(&database, key, strlen(key));
	const struct group *group = stream ? stream_group(stream, name, strlen(name)) : NULL;

	for (int i = 0; group && i < group->pending_count; i++)
		if (chance_of(1, 2)) {
			group->pending[i].deliveries = SIMULATED_DELIVERIES;
			group->pending[i].delivered_ms = 0;
		}
}

void redis_server_each(const char *key, void (*each)(const char *field, const char *value, size_t len))
{
	const struct value *hash = database_find(&database, key, strlen(key));

	for (int i = 0; hash && hash->type == VALUE_HASH && i < hash->count; i++)
		each(hash->pairs[i].field.bytes, hash->pairs[i].value.bytes, hash->pairs[i].value.len);
}

/* Asynchronous Redis: one connection with many commands in flight, time limits of our own for connecting and for each
 * command, reconnecting with back-off. Lua scripts are loaded on connecting and called by their SHA1; a script that Redis no
 * longer has (NOSCRIPT) is loaded again without the caller noticing. Replies are hiredis's type, and are read by reader.c
 * (docs/decisions/0015-replies-of-redis.md). A URL that begins with rediss:// means TLS, with the server's certificate and name
 * verified (net/tls.h); connecting includes its handshake.
 * A connection for blocking reads or subscriptions is a second struct redis. */
#ifndef ABACUS_REDIS_H
#define ABACUS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "base/config.h"
#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct redis;

struct redis_config {
	char *url;     /* redis[s]://[user:password@]host:port/database; NULL: host, port and password */
	char *ca_file; /* of rediss://: certificates of authorities in PEM; NULL: TLS_SYSTEM_STORE */
	char *host;
	char *password;
	long port, command_timeout_ms, connect_timeout_ms, in_flight_max;
};
extern const struct config_option redis_options[];

/* Call it after loading: adds a problem, without any part of the URL, if REDIS_URL is invalid, or if it begins with rediss://
 * and the certificates cannot be read. redis_new() aborts on an invalid URL. */
void redis_config_check(const struct redis_config *redis, struct config *config);

struct redis_script {     /* static */
	const char *name; /* for the log */
	const char *lua;
};
/* Defines a script from its .lua file, which the Makefile links in with a NUL at its end: REDIS_SCRIPT(libcommon_jobs, add,
 * jobs_add) defines jobs_add_script from libcommon/jobs/add.lua. */
#define REDIS_SCRIPT(folder, file, script)                         \
	extern const char _binary_##folder##_##file##_lua_start[]; \
	const struct redis_script script##_script = {.name = #script, .lua = _binary_##folder##_##file##_lua_start}

/* scripts ends with NULL, or is NULL. priority: LOOP_PRIORITY_*. Connecting starts at once and never blocks; each address of a
 * name is tried in turn. */
struct redis *redis_new(struct event_base *base, const struct redis_config *config, const struct redis_script *const *scripts,
			int priority);
/* Callbacks of what is in flight do not run. A look-up in flight is freed from the loop: let it turn once more before it is
 * freed. */
void redis_free(struct redis *redis);
bool redis_is_ready(const struct redis *redis);
/* changed runs, from the loop, each time the connection has become ready (authenticated, scripts loaded), and each time it is
 * lost. */
void redis_on_change(struct redis *redis, void (*changed)(bool is_ready, void *arg), void *arg);

/* Why Redis takes no writes at the moment ("redis is full", …), if its last error reply said so; else NULL. A new connection
 * begins with NULL. */
const char *redis_refusal(const struct redis *redis);

/* The reply is borrowed for the callback. STATUS_OK: any reply but an error; check its type, because an operator can store
 * another. An error reply is passed too (and logged here with the command's name and Redis's text; that Redis takes no writes,
 * once a minute): UNAVAILABLE when its word says that the fault is Redis's (OOM, NOPERM, …), INTERNAL otherwise. UNAVAILABLE,
 * TIMEOUT and BUSY with reply NULL: there is no answer. So it is, UNAVAILABLE, after an error that drops the connection
 * (READONLY, LOADING, …), because another may lead to a server that can help. */
typedef void redis_done(enum status status, const redisReply *reply, void *arg);

/* For a reply of a type that the command does not have: logs it, and returns INTERNAL. */
enum status redis_unexpected(const char *command, const redisReply *reply) MUST_CHECK;
/* The text of a string reply; "" for every other type, because hiredis leaves their str unset. */
const char *redis_text(const redisReply *reply);
/* Of a reply to XREAD or XREADGROUP on one stream ([[name, [entry, …]]]): the array of entries; NULL when there is none. */
const redisReply *redis_stream_entries(const redisReply *reply);
/* Nil: the time of such a read was over, or the stream is empty. */
bool redis_is_nil(const redisReply *reply);
#define REDIS_ENTRY_ID_BYTES 44 /* of an entry of a stream: two numbers of 64 bits, and a dash */
/* Is it an entry of a stream, [id, [field, value, …]]? Its id is a text that fits into so many bytes. */
bool redis_is_entry(const redisReply *reply);

/* The call that was just made; valid until the loop's next turn, for redis_call_own(). */
struct redis_call;
/* Memory of malloc() that the call owns from now on: freed after done has run, or once it can no longer run. */
void redis_call_own(struct redis_call *call, void *memory);

/* argv and lens are copied before the call returns; lens NULL: C strings. */
struct redis_call *redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv, const size_t *lens,
				 redis_done *done, void *arg);
/* EVALSHA script numkeys argv[0..argc): the first `keys` of them are the keys. */
struct redis_call *redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys, int argc,
			      const char **argv, const size_t *lens, redis_done *done, void *arg);
/* As redis_command(), for a command that blocks in Redis for up to block_ms: its time limit is that much longer. */
struct redis_call *redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc, const char **argv,
					  const size_t *lens, redis_done *done, void *arg);
/* Ends the command that blocks on another connection, which is then answered as if its time were over. Answers 1, or 0 when
 * none is blocking there. */
struct redis_call *redis_unblock(struct redis *redis, struct scope *scope, const struct redis *blocked, redis_done *done,
				 void *arg);
/* Subscribes to one more channel, now and after every reconnect. This connection can do nothing else. message runs once for
 * each message of the channel. */
void redis_subscribe(struct redis *redis, const char *name, void (*message)(const char *bytes, size_t len, void *arg),
		     void *arg);
/* To a subscriber, and to one that only reads, no error says that its connection leads to the wrong server: after a failover it
 * would stay on a replica. So it is replaced each time an error drops the connection `commands`, to the same server, which
 * outlives it. */
void redis_replace_with(struct redis *reader, const struct redis *commands);
/* For a caller that only reads, because its commands get no such error either: connects anew if the connection is ready,
 * without a line in the log. What is in flight ends with UNAVAILABLE. The caller paces it, and may be a callback of this redis.
 */
void redis_replace(struct redis *redis);

#endif

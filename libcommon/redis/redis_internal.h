/* What the files of the Redis client share.
 *   redis.c       options, creating and freeing a client
 *   connection.c  looking up the name, connecting, the handshake, losing the connection, reconnecting
 *   call.c        commands and their replies
 *   reply.c       what a reply holds, by its type
 *   errors.c      what an error reply means, by its word
 *   url.c         REDIS_URL
 *   loop.c        hiredis on libevent */
#ifndef ABACUS_REDIS_INTERNAL_H
#define ABACUS_REDIS_INTERNAL_H

#include <hiredis/async.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "net/resolver.h"
#include "redis/redis.h"

struct redis_address {
	char *host, *user, *password; /* user and password NULL when not given */
	int port, database;
};

/* redis://[user:password@]host[:port][/database], percent-encoding undone in user and password; an IPv6 address is in brackets,
 * which the host loses. */
enum status redis_url_parse(const char *url, struct redis_address *ret_address) MUST_CHECK;
void redis_address_free(struct redis_address *address);

/* Call it before setting the context's callbacks, because hiredis then starts at once. Freed with the context. */
void redis_loop_attach(struct redisAsyncContext *context, struct event_base *base, int priority);

/* One command. Lives until hiredis has answered or dropped it and its callback has run or was cancelled. */
struct redis_call {
	struct op op;
	struct redis *redis; /* NULL after its connection was lost: hiredis's callback then only frees the call */
	redis_done *done;
	void *arg;
	int64_t deadline_us;
	const char *name;                  /* of the command, for the log */
	const struct redis_script *script; /* of redis_eval(); NULL: a plain command, which is never repeated */
	char *bytes;                       /* as sent; sent again when Redis no longer has the script */
	int len;
	bool is_repeated;
	void *owned; /* redis_call_own() */
	enum status failure;
	TAILQ_ENTRY(redis_call) link;
};
TAILQ_HEAD(redis_calls, redis_call);

enum redis_state { REDIS_WAITING, REDIS_CONNECTING, REDIS_READY };

struct redis {
	struct event_base *base;
	struct redis_config config;
	struct redis_address address;
	const struct redis_script *const *scripts;
	char (*sha1)[41];
	int priority;
	enum redis_state state;
	bool has_reported_loss;
	redisAsyncContext *context, *doomed;
	struct redis_calls in_flight, failed; /* failed: their callbacks run from the loop */
	unsigned in_flight_count, attempt;
	int handshakes;      /* replies of the handshake still to come */
	long long client_id; /* Redis's id of this connection; 0: unknown */
	int64_t connect_deadline_us;
	/* After an error that drops the connection the next one has to prove itself: until it has lasted, the back-off grows.
	 */
	bool is_doubted;
	int64_t ready_us;
	struct loop_timer *retry, *watch, *failures;
	struct loop_deferred *reap;
	struct resolver *resolver;
	struct resolver_lookup *lookup; /* NULL when none is in flight */
	struct resolver_addresses addresses;
	size_t tried; /* of the addresses */
	void (*changed)(bool is_ready, void *arg);
	void *changed_arg;
	char *channel;
	void (*message)(const char *bytes, size_t len, void *arg);
	void *message_arg;
};

/* connection.c */
void redis_connect(void *redis); /* run by the retry timer */
void redis_watch(void *redis);   /* checks the time limits, and whether a doubted connection has lasted */
/* Gives up the connection, or the attempt to connect: everything in flight fails, the oldest call with this status, and
 * connecting begins again, at the name's next address if one is left. */
void redis_lose(struct redis *redis, const char *reason, enum status oldest);
void redis_reap(void *redis); /* frees a lost connection, from the loop */

/* errors.c */
struct redis_error {
	const char *word;
	enum status status;
	bool drops_connection;
};
/* Never NULL. */
const struct redis_error *redis_error_of(const char *text);

/* call.c */
void redis_calls_fail(struct redis *redis, enum status oldest);
void redis_calls_report_failed(void *redis);  /* runs their callbacks; by the failures timer */
void redis_calls_detach(struct redis *redis); /* no callback runs after it */

#endif

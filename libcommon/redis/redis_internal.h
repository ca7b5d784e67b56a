/* What the files of the Redis client share.
 *   redis.c             a client: options, its making and its end
 *   redis_connection.c  connecting, introducing itself, losing the connection and coming back
 *   redis_call.c        commands and their answers
 *   redis_url.c         REDIS_URL
 *   redis_loop.c        hiredis on libevent */
#ifndef ABACUS_REDIS_INTERNAL_H
#define ABACUS_REDIS_INTERNAL_H

#include <event2/event.h>
#include <hiredis/async.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "redis/redis.h"

struct redis_address {
	char *host, *user, *password; /* user and password NULL when not given */
	int port, database;
};

/* redis://[user:password@]host[:port][/database], percent-encoding undone in user and password. */
enum status redis_url_parse(const char *url, struct redis_address *ret_address) MUST_CHECK;
void redis_address_free(struct redis_address *address);

/* Before the context's callbacks are set (hiredis then starts at once). The attachment goes with the context. */
void redis_loop_attach(struct redisAsyncContext *context, struct event_base *base, int priority);

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
	struct redis_calls in_flight, failed; /* failed: their callers are told from the loop */
	unsigned in_flight_count, attempt;
	int handshakes;      /* replies of the handshake still to come */
	long long client_id; /* of this connection, as Redis counts them; 0: it does not say */
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

/* redis_connection.c */
void redis_connect(evutil_socket_t fd, short what, void *redis); /* of the retry timer */
void redis_watch(evutil_socket_t fd, short what, void *redis);   /* looks at time limits */
/* The connection is of no use any more: all that is in flight fails, the oldest with this status, and connecting begins anew.
 */
void redis_lose(struct redis *redis, const char *reason, enum status oldest);
void redis_reap(void *redis); /* frees a lost connection, from the loop */

/* redis_call.c */
void redis_calls_fail(struct redis *redis, enum status oldest);
void redis_calls_tell(evutil_socket_t fd, short what, void *redis); /* those that have failed */
void redis_calls_detach(struct redis *redis);                       /* no callback runs any more */

#endif

/* What the files of the Redis client share.
 *   redis.c       options, creating and freeing a client
 *   connection.c  looking up the name, connecting, the handshake, losing the connection, reconnecting
 *   call.c        commands and their replies
 *   reply.c       what a reply holds, by its type
 *   errors.c      what an error reply means, by its words
 *   url.c         REDIS_URL
 *   link.c        one TCP connection, with TLS or without: commands out, replies in
 *   reader.c      replies as they arrive */
#ifndef ABACUS_REDIS_INTERNAL_H
#define ABACUS_REDIS_INTERNAL_H

#include <sys/queue.h>

#include "base/buf.h"
#include "base/loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "redis/redis.h"

struct redis_address {
	char *host, *user, *password; /* user and password NULL when not given */
	int port, database;
	bool is_tls; /* rediss:// */
};

/* redis[s]://[user:password@]host[:port][/database], percent-encoding undone in user and password; an IPv6 address is in
 * brackets, which the host loses. */
enum status redis_url_parse(const char *url, struct redis_address *ret_address) MUST_CHECK;
void redis_address_free(struct redis_address *address);

struct redis;

/* reader.c: a reply that is being read. Begins as {0}. */
#define REDIS_REPLY_DEPTH_MAX 8
struct redis_reader {
	struct buf in;
	size_t at;        /* what was read of it */
	redisReply *root; /* NULL: nothing of the next reply has arrived */
	size_t used;      /* bytes of it so far */
	size_t elements;  /* and elements */
	struct redis_open_array {
		redisReply *array;
		int64_t missing;
	} open[REDIS_REPLY_DEPTH_MAX];
	int depth;
};
void redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t len);
/* *ret_reply NULL: it has not arrived yet. The caller frees it (freeReplyObject()). INVALID: these bytes are no reply, or one
 * beyond all bounds; do not read on. */
enum status redis_reader_next(struct redis_reader *reader, redisReply **ret_reply) MUST_CHECK;
void redis_reader_free(struct redis_reader *reader);

/* link.c: starts to connect, to the port of redis->address; NULL: errno says why not. From the loop it calls redis_connected()
 * once commands can be sent (with TLS: after its handshake), then redis_replied() for each reply, and redis_lose() when it has
 * ended. */
struct redis_link;
struct redis_link *redis_link_new(struct redis *redis, const union resolver_address *address) MUST_CHECK;
/* NULL is fine. Also from within what it calls. */
void redis_link_free(struct redis_link *link);
void redis_link_send(struct redis_link *link, const char *bytes, size_t len);

/* One command, of a caller or of the connection itself (done NULL). */
struct redis_call {
	struct op op;
	/* The oldest in flight has got its reply: takes it off, or loses the connection. */
	void (*answered)(struct redis *redis, struct redis_call *call, const redisReply *reply);
	redis_done *done;
	void *arg;
	int64_t started_us, deadline_us;
	const char *name;                  /* of the command, for the log */
	const struct redis_script *script; /* of redis_eval(), and of its loading; NULL: a plain command */
	char *bytes;                       /* as sent; sent again when Redis no longer has the script */
	int len;
	bool is_repeated;
	void *owned; /* redis_call_own() */
	enum status failure;
	TAILQ_ENTRY(redis_call) link;
};
TAILQ_HEAD(redis_calls, redis_call);

struct redis_channel {
	char *name;
	void (*message)(const char *bytes, size_t len, void *arg);
	void *arg;
	LIST_ENTRY(redis_channel) link;
};

/* The error of its kind that was logged last. */
struct redis_logged {
	const struct redis_error *error; /* NULL: none */
	int64_t at_us;
};

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
	struct redis_link *link;              /* NULL: none */
	struct tls_trust *trust;              /* NULL: not needed, or it could not be read */
	struct redis_calls in_flight, failed; /* failed: their callbacks run from the loop */
	unsigned in_flight_count;             /* calls of callers */
	unsigned attempt;
	int handshakes;      /* replies of the handshake still to come */
	long long client_id; /* Redis's id of this connection; 0: unknown */
	int64_t connect_deadline_us, ping_due_us;
	/* After an error that drops the connection the next one has to prove itself: until it has lasted, the back-off grows.
	 */
	bool is_doubted;
	unsigned dropped_count;       /* by an error */
	const struct redis *commands; /* redis_replace_with(); NULL: none */
	unsigned dropped_seen;        /* of commands */
	const char *refusal;          /* redis_refusal() */
	struct redis_logged logged_expected, logged_refusal;
	int64_t ready_us;
	struct loop_timer *retry, *watch, *failures;
	struct resolver *resolver;
	struct resolver_lookup *lookup; /* NULL when none is in flight */
	struct resolver_addresses addresses;
	size_t tried; /* of the addresses */
	void (*changed)(bool is_ready, void *arg);
	void *changed_arg;
	LIST_HEAD(, redis_channel) channels; /* redis_subscribe() */
};

/* connection.c */
void redis_connect(void *redis); /* run by the retry timer */
void redis_watch(void *redis);   /* checks the time limits, and whether a doubted connection has lasted */
/* Gives up the connection, or the attempt to connect: everything in flight fails, the oldest call with this status, and
 * connecting begins again, at the name's next address if one is left. */
void redis_lose(struct redis *redis, const char *reason, enum status oldest);
void redis_connected(struct redis *redis);
void redis_replied(struct redis *redis, const redisReply *reply);

/* errors.c */
struct redis_error {
	const char *words;
	enum status status;
	bool drops_connection;
	const char *refusal; /* why Redis takes no writes; NULL: it says nothing of the kind */
	bool is_expected;    /* the caller goes on by itself, so it is no warning */
};
/* Never NULL. */
const struct redis_error *redis_error_of(const char *text);

/* call.c */
/* A command of the connection itself. script: see redis_call. */
void redis_call_ask(struct redis *redis, int argc, const char **argv, const struct redis_script *script,
		    void (*answered)(struct redis *, struct redis_call *, const redisReply *));
/* The oldest in flight has ended: takes it off the list and frees it. */
void redis_call_end(struct redis *redis, struct redis_call *call);
void redis_calls_fail(struct redis *redis, enum status oldest);
void redis_calls_report_failed(void *redis);  /* runs their callbacks; by the failures timer */
void redis_calls_detach(struct redis *redis); /* no callback runs after it */

#endif

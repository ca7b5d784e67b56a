/* What the files of the Redis client share. */
#ifndef ABACUS_REDIS_INTERNAL_H
#define ABACUS_REDIS_INTERNAL_H

#include "redis.h"

struct redisAsyncContext;

struct redis_address {
	char *host, *user, *password; /* user and password NULL when not given */
	int port, database;
};

/* redis://[user:password@]host[:port][/database], percent-encoding undone in user and password. */
enum status redis_url_parse(const char *url, struct redis_address *ret_address) MUST_CHECK;
void redis_address_free(struct redis_address *address);

/* Before the context's callbacks are set (hiredis then starts at once). The attachment goes with the context. */
void redis_loop_attach(struct redisAsyncContext *context, struct event_base *base, int priority);

#endif

/* What every file of the values service needs: its options, its parts, and its handlers. */
#ifndef ABACUS_VALUES_SERVICE_H
#define ABACUS_VALUES_SERVICE_H

#include "auth/auth.h"
#include "auth/introspection.h"
#include "daemon/daemon.h"
#include "http/reply.h"
#include "http/server.h"
#include "jobs/jobs.h"
#include "jobs/kinds.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

struct values_config {
	struct http_config http;
	struct postgres_config postgres;
	struct redis_config redis;
	struct auth_config auth;
	struct kinds_config kinds;
	long retention_days; /* 0: for ever */
	char *users_url;     /* NULL: users is not asked about tokens */
	bool anonymous;
	long anonymous_max, rate, burst, pending_max;
	long repair_s, window_jobs, window_large_ms, live_token_s, live_check_s, live_ping_s, live_buffer_bytes_max;
};

struct values {
	const struct values_config *config;
	struct event_base *base;
	struct scope scope; /* of the service */
	struct postgres *postgres;
	struct redis *redis;
	struct revocations *revocations;
	struct introspection *introspection;
	struct http_server *http;
	struct refill *refill;
	struct writer *writer;
	struct rate *rate;
	struct submissions *submissions;
	struct prune *prune;
	struct backlog *backlog;
	struct previews *previews;
	struct value_live *live;
	struct jwt_key key;
};

extern struct values_config values_config;
extern const struct daemon_config values_configs[];
void values_check(struct config *config);
extern const struct http_route values_routes[];

static inline struct jobs_room values_room(const struct values *values)
{
	return (struct jobs_room){.names = values->config->window_jobs, .large_us = values->config->window_large_ms * 1000};
}

static inline struct values *values_of(const struct http_request *req)
{
	return http_request_service(req);
}

/* authenticate.c: checks the token of a request, for http_server_set_auth(). */
void values_authenticate(struct http_request *req);
/* Whether the request has no token, and needs one to submit or read this index. */
bool values_needs_token(const struct http_request *req, int64_t index);
/* Whether the token is an admin's. Its user may have lost that right since: ask users (auth/introspection.h). */
bool values_is_admin(const struct http_request *req);

/* Handlers, each in the file of its name. */
void value_submit(struct http_request *req);
void value_list(struct http_request *req);
void value_delete(struct http_request *req);
void value_delete_all(struct http_request *req);
void value_list_all(struct http_request *req);
void value_list_current(struct http_request *req);
void value_live(struct http_request *req);
void value_result(struct http_request *req);
void value_retry(struct http_request *req);
void kind_list(struct http_request *req);

/* Before the first call of the handler. */
void value_submit_register_metrics(void);
/* Adds the RateLimit fields. False: that is one submission too many, and the request has been answered with 429. */
struct rate_verdict;
bool value_submit_is_within_rate(struct http_request *req, const struct rate_verdict *verdict);

#endif

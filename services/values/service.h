/* What the files of the values service share. */
#ifndef ABACUS_VALUES_SERVICE_H
#define ABACUS_VALUES_SERVICE_H

#include "auth/auth.h"
#include "daemon/daemon.h"
#include "http/reply.h"
#include "http/server.h"
#include "jobs/jobs.h"
#include "jobs/kinds.h"
#include "postgres/postgres.h"
#include "redis/redis.h"
#include "websocket/websocket.h"

struct values_config {
	struct http_config http;
	struct postgres_config postgres;
	struct redis_config redis;
	struct auth_config auth;
	struct kinds_config kinds;
	bool anonymous;
	long repair_s, live_token_s, live_ping_s, live_buffer_bytes_max;
};

struct repair;
struct submissions;
struct previews;
struct live;

struct values {
	const struct values_config *config;
	struct postgres *postgres;
	struct redis *redis;
	struct revocations *revocations;
	struct http_server *http;
	struct repair *repair;
	struct submissions *submissions;
	struct previews *previews;
	struct live *live;
	struct jwt_key key;
};

extern struct values_config values_config;
extern const struct daemon_config values_configs[];
void values_check(struct config *config);
extern const struct http_route values_routes[];

static inline struct values *values_of(const struct http_request *req)
{
	return http_request_service(req);
}

/* authenticate.c: the token, against this process's copy of the revocations. */
void values_authenticate(struct http_request *req);

/* repair.c: what Postgres says was submitted and Redis does not know is put back, at start, on every connection and every
 * REPAIR_SECONDS. */
struct repair *repair_new(struct event_base *base, struct values *values);
void repair_free(struct repair *repair);
/* A read found these with neither result nor job: puts them back now. n <= JOBS_BATCH_MAX; more are left to the next sweep. */
void repair_now(struct repair *repair, const struct job_key *keys, int n);
/* A row stands that could not be queued: a sweep follows as soon as Redis is there. */
void repair_soon(struct repair *repair);
void repair_register_metrics(void);

/* submissions.c: many submissions go to Postgres and Redis together. OK: the row with this id is committed, and somebody
 * calculates it unless `state` says that nobody needs to. Otherwise nothing was stored as far as anybody knows. A client that
 * leaves does not take back what it submitted. */
typedef void submission_taken(enum status status, int64_t id, enum job_state state, void *arg);
struct submissions *submissions_new(struct event_base *base, struct values *values);
void submissions_free(struct submissions *submissions);
bool submissions_are_full(const struct submissions *submissions);
/* user_id 0: nobody's. Not while they are full. */
void submissions_add(struct submissions *submissions, struct scope *scope, int64_t user_id, struct job_key key,
		     const char *request_id, submission_taken *done, void *arg);

/* previews.c: the previews that this process has seen of finished calculations. A preview never changes, so Redis need not be
 * asked for one again. Bounded: those that came first make room. */
struct previews *previews_new(void);
void previews_free(struct previews *previews);
/* Without a NUL, good until the next is kept; NULL: not known here. */
const char *previews_find(struct previews *previews, struct job_key key, size_t *ret_len);
/* Copies that of a result whose state is JOB_DONE. */
void previews_keep(struct previews *previews, const struct job_result *result);

/* value_live.c: GET /values/live, a WebSocket that is told of every finished calculation. The token comes as the first message,
 * bare or as {"token":"…"}, or as the second of two subprotocols, `Sec-WebSocket-Protocol: abacus, TOKEN`, of which the first
 * is chosen; never in the URL, which is logged. A result is public once it is calculated (GET /values/current is open), so
 * whoever has a valid token is told of all. Messages, in the order in which Redis has them:
 *   {"event":"ready"}  from here on nothing is missed; again after Redis was away: what came meanwhile has to be asked for
 *   {"event":"value","kind","index","digits","preview","duration_us"}
 * Close codes: 1008 and contract.md's sentence when the token is missing for LIVE_TOKEN_SECONDS, wrong, or dead, also later on
 * (nothing is sent once it is); 1013 when it can not be checked; 1003 for anything said after the token; 1001 on drain. */
struct live *live_new(struct event_base *base, struct values *values);
/* After http_server_free(). */
void live_free(struct live *live);
void live_register_metrics(void);

/* What every count of submissions adds to. */
void value_submit_register_metrics(void);

/* Handlers, each in the file of its name. */
void value_submit(struct http_request *req);
void value_list(struct http_request *req);
void value_list_all(struct http_request *req);
void value_list_current(struct http_request *req);
void value_live(struct http_request *req);
void value_result(struct http_request *req);
void kind_list(struct http_request *req);

#endif

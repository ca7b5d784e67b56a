/* What the files of the users service share. */
#ifndef ABACUS_USERS_SERVICE_H
#define ABACUS_USERS_SERVICE_H

#include "auth/auth.h"
#include "auth/password.h"
#include "daemon/daemon.h"
#include "http/reply.h"
#include "http/server.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

struct users_config {
	struct http_config http;
	struct postgres_config postgres;
	struct redis_config redis;
	struct auth_config auth;
	struct password_config password;
	bool public_users;
	long repair_s, attempts_max, attempts_window_s;
};

struct republisher;
struct owed;

struct users {
	const struct users_config *config;
	struct postgres *postgres;
	struct redis *redis;
	struct password_hasher *hasher;
	struct http_server *http;
	struct republisher *republisher;
	struct owed *owed;
	struct jwt_key key;
};

extern struct users_config users_config;
extern const struct daemon_config users_configs[];
void users_check(struct config *config);
extern const struct http_route users_routes[];
extern const struct redis_script attempts_script, attempts_undo_script;

static inline struct users *users_of(const struct http_request *req)
{
	return http_request_service(req);
}

/* authenticate.c: the token of a request that wants one, held against Postgres. Then these are at the handlers' disposal. */
void users_authenticate(struct http_request *req);
struct caller {
	struct jwt_claims claims;
	char *username, *email, *password_hash;
	bool is_active, is_admin;
};
const struct caller *users_caller(const struct http_request *req);

/* True when the caller is an admin; otherwise the request has been answered. */
bool users_require_admin(struct http_request *req);

/* The {id} of the path; false when it is none and the request has been answered. */
bool user_id_of_path(struct http_request *req, int64_t *ret_id);

/* revoke.c: writes it down, tells the other services, and then calls back. */
typedef void revoked(enum status status, void *arg);
void revoke_token(struct http_request *req, const struct jwt_claims *claims, bool is_inactive, revoked *done, void *arg);
/* Before the row of a user is changed: whatever becomes of the request, what the row says in the end is told. */
struct revoking;
struct revoking *revoke_begin(struct http_request *req, int64_t user_id);
/* Only tells what the row of the user says: tokens issued up to until_ms are dead, and all of them when is_inactive. */
void revoke_user(struct revoking *revoking, bool is_inactive, int64_t until_ms, revoked *done, void *arg);

/* owed.c: tells later what could not be told. Of a user only the id matters: the row is read. */
struct owed *owed_new(struct event_base *base, struct users *users);
void owed_free(struct owed *owed); /* after the server, whose requests may add to it to the last */
void owed_add(struct owed *owed, const struct revocation *revocation);

/* republish.c: after Redis was emptied, and once after every start, tells everything again. */
struct republisher *republisher_new(struct event_base *base, struct users *users);
void republisher_free(struct republisher *republisher);

/* attempts.c: failed logins by e-mail or name (as Postgres compares it: store.h) and address. */
typedef void attempts_counted(bool may_try, long retry_s, void *arg);
void attempts_count(struct http_request *req, const char *login, attempts_counted *done, void *arg);
void attempts_forget(struct http_request *req, const char *login);
void attempts_undo(struct http_request *req, const char *login);

/* Handlers, each in the file of its name. */
void ping(struct http_request *req);
void user_register(struct http_request *req);
void user_login(struct http_request *req);
void user_login_older(struct http_request *req); /* POST /auth */
void user_logout(struct http_request *req);
void user_status(struct http_request *req);
void user_list(struct http_request *req);
void user_show(struct http_request *req);
void user_add(struct http_request *req);
void user_change(struct http_request *req);
void user_delete(struct http_request *req);
void password_change(struct http_request *req);

#endif

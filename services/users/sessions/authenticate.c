/* Checks the token of a request. This service asks Postgres whether a token is revoked, and not the copy in memory that the
 * other services keep: it loads the caller's row anyway, so the check costs nothing.
 * Flow: users_authenticate -> loaded -> the route's handler. */
#include "sessions/authenticate.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/user_filter.h"
#include "base/mem.h"
#include "service.h"
#include "store/sessions.h"

static void load(struct http_request *req, const struct jwt_claims *claims);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

/* PUBLIC_USERS opens the routes that read users, but no filter or order, because each reads many of them. */
static bool is_open(struct http_request *req)
{
	const char *path = http_request_route(req)->path;

	return users_of(req)->config->public_users && strcmp(http_request_route(req)->method, "GET") == 0 &&
	       (strcmp(path, "/users") == 0 || strcmp(path, "/users/{id}") == 0) && !user_filter_is_given(req);
}

static void caller_drop(void *memory)
{
	struct caller *caller = memory;

	free(caller->username);
	free(caller->email);
	free(caller->password_hash);
}

void users_authenticate(struct http_request *req)
{
	struct jwt_claims claims;
	enum auth_verdict verdict;
	struct caller *caller;

	if (is_open(req))
		return http_request_proceed(req);
	verdict = auth_check(&users_of(req)->key, NULL, http_request_header(req, "Authorization"), &claims);
	if (verdict != AUTH_OK)
		return auth_refuse(req, verdict);
	caller = http_request_alloc(req, sizeof *caller, caller_drop);
	caller->claims = claims;
	http_request_set_context(req, caller);
	load(req, &claims);
}

static void load(struct http_request *req, const struct jwt_claims *claims)
{
	struct postgres_params params = {0};
	char jti[37], sid[37];

	jwt_jti_format(claims->jti, jti);
	postgres_param_int(&params, claims->user_id);
	postgres_param_text(&params, jti);
	postgres_param_int(&params, jwt_jti_unix_ms(claims->jti));
	jwt_jti_format(claims->session.id, sid);
	postgres_param_text(&params, claims->has_session ? sid : NULL);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_of_token, &params, loaded, req);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct caller *caller = http_request_context(req);

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0 || !postgres_bool(rows, 0, COLUMN_USER_IS_ACTIVE) ||
	    postgres_bool(rows, 0, COLUMN_TOKEN_IS_INACTIVE))
		return auth_refuse(req, AUTH_INACTIVE);
	if (postgres_bool(rows, 0, COLUMN_TOKEN_IS_REVOKED))
		return auth_refuse(req, AUTH_INVALID);
	caller->username = mem_strdup(postgres_text(rows, 0, COLUMN_USER_USERNAME));
	caller->email = mem_strdup(postgres_text(rows, 0, COLUMN_USER_EMAIL));
	caller->password_hash = mem_strdup(postgres_text(rows, 0, COLUMN_USER_PASSWORD_HASH));
	caller->is_admin = postgres_bool(rows, 0, COLUMN_USER_IS_ADMIN);
	caller->has_factor = postgres_bool(rows, 0, COLUMN_TOKEN_HAS_FACTOR);
	http_request_set_user(req, caller->claims.user_id);
	http_request_proceed(req);
}

const struct caller *users_caller(const struct http_request *req)
{
	return http_request_context(req);
}

bool users_require_admin(struct http_request *req)
{
	const struct caller *caller = users_caller(req);

	if (caller && caller->is_admin)
		return true;
	if (caller)
		http_reply_fail(req, 401, "not_permitted", "You do not have permission to do that.");
	else
		auth_refuse(req, AUTH_MISSING);
	return false;
}

bool users_may_see(const struct http_request *req, int64_t user_id)
{
	return users_of(req)->config->public_users || users_caller(req)->is_admin || http_request_user_id(req) == user_id;
}

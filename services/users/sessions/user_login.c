/* POST /auth/login {email, password} and the legacy POST /auth {username, password}: a token in exchange for a password.
 * Flow: user_login | user_login_legacy -> begin -> loaded -> counted -> verify -> verified -> (an inactive user's token is
 * revoked) -> reply. For an unknown user the flow is the same and takes as long as for a wrong password. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/mem.h"
#include "hashing.h"
#include "revocations/revoke.h"
#include "sessions/login_attempts.h"
#include "store.h"

#define LOGIN_BYTES_MAX 512 /* no user name, e-mail or password is longer in bytes */

struct login {
	struct http_request *req;
	const char *password; /* borrowed from the request */
	bool is_legacy, is_active, is_admin;
	int64_t user_id;
	int64_t token_ms; /* time of issue: before the user was loaded, so that each later change of the user revokes the token
			   */
	char *name;       /* COLUMN_LOGIN_NAME */
	char *stored_hash, *token;
	struct jwt_claims claims;
};

static void begin(struct http_request *req, const char *name_field, bool is_legacy);
static void load(struct login *login, const char *name);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void counted(bool may_try, long retry_s, void *arg);
static void verify(struct login *login);
static void verified(enum status status, bool matches, const char *new_phc, void *arg);
static void replace_hash(struct login *login, const char *new_phc);
static void inactive_token_revoked(enum status status, void *arg);
static void reply_token(struct login *login);
static void refuse(struct login *login);

void user_login(struct http_request *req)
{
	begin(req, "email", false);
}

void user_login_legacy(struct http_request *req)
{
	begin(req, "username", true);
}

static void login_drop(void *memory)
{
	struct login *login = memory;

	free(login->name);
	free(login->stored_hash);
	free(login->token);
}

static cJSON *check_field(cJSON *errors, const char *field, const char *text)
{
	if (!text)
		return http_errors_add(errors, field, "is required and must be text");
	return strlen(text) > LOGIN_BYTES_MAX ? http_errors_add(errors, field, "is too long") : errors;
}

static void begin(struct http_request *req, const char *name_field, bool is_legacy)
{
	struct login *login = http_request_alloc(req, sizeof *login, login_drop);
	const char *name = json_text(http_request_json(req), name_field);
	cJSON *errors;

	login->req = req;
	login->is_legacy = is_legacy;
	login->password = json_text(http_request_json(req), "password");
	errors = check_field(check_field(NULL, name_field, name), "password", login->password);
	if (errors && is_legacy) { /* the legacy API has no other refusal */
		cJSON_Delete(errors);
		return refuse(login);
	}
	if (errors)
		return http_reply_invalid(req, errors);
	load(login, name);
}

static void load(struct login *login, const char *name)
{
	struct postgres_params params = {0};

	login->token_ms = clock_unix_ms();
	postgres_param_text(&params, name);
	postgres_exec(users_of(login->req)->postgres, http_request_scope(login->req),
		      login->is_legacy ? &store_user_by_login : &store_user_by_email, &params, loaded, login);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct login *login = arg;

	if (status != STATUS_OK)
		return http_reply_status(login->req, status);
	login->name = mem_strdup(postgres_text(rows, 0, COLUMN_LOGIN_NAME));
	if (!postgres_is_null(rows, 0, COLUMN_USER_ID)) {
		login->user_id = postgres_int(rows, 0, COLUMN_USER_ID);
		login->is_active = postgres_bool(rows, 0, COLUMN_USER_IS_ACTIVE);
		login->is_admin = postgres_bool(rows, 0, COLUMN_USER_IS_ADMIN);
		login->stored_hash = mem_strdup(postgres_text(rows, 0, COLUMN_USER_PASSWORD_HASH));
		/* A change in this same millisecond, or by a process whose clock is ahead, came before this login. */
		if (login->token_ms <= postgres_int(rows, 0, COLUMN_LOGIN_DEAD_UNTIL_MS))
			login->token_ms = postgres_int(rows, 0, COLUMN_LOGIN_DEAD_UNTIL_MS) + 1;
	}
	login_attempts_count(login->req, login->name, counted, login);
}

static void counted(bool may_try, long retry_s, void *arg)
{
	struct login *login = arg;
	char retry[INT64_TEXT_BYTES];

	if (may_try)
		return verify(login);
	int64_format(retry_s > 0 ? retry_s : 1, retry);
	http_reply_header(login->req, "Retry-After", retry);
	http_reply_fail(login->req, 429, "too_many_attempts", "Too many attempts. Please try again later.");
}

static void verify(struct login *login)
{
	struct http_request *req = login->req;
	struct hashing_turn turn;

	password_verify(users_of(req)->hasher, http_request_scope(req),
			login->stored_hash ? hashing_turn_of_user(req, login->user_id, &turn)
					   : hashing_turn_of_name(req, login->name, &turn),
			login->stored_hash, login->password, verified, login);
}

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	struct login *login = arg;
	struct users *users = users_of(login->req);

	if (status != STATUS_OK) {
		login_attempts_undo(login->req, login->name);
		return hashing_reply_status(login->req, status);
	}
	if (!matches)
		return refuse(login);
	login_attempts_forget(login->req, login->name);
	if (new_phc)
		replace_hash(login, new_phc);
	http_request_set_user(login->req, login->user_id);
	login->token = jwt_issue_at(&users->key, login->user_id, login->is_admin, login->token_ms,
				    users->config->auth.token_lifetime_s, &login->claims);
	if (login->is_active)
		reply_token(login);
	else /* as in the legacy system, an inactive user can log in; the token is refused everywhere */
		revoke_token(login->req, &login->claims, true, inactive_token_revoked, login);
}

static void hash_replaced(enum status status, const struct postgres_rows *rows, void *arg)
{
}

/* A hash by a legacy algorithm or with weaker parameters is replaced, unless the password was changed meanwhile. The reply does
 * not wait for it. */
static void replace_hash(struct login *login, const char *new_phc)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, login->user_id);
	postgres_param_text(&params, new_phc);
	postgres_param_text(&params, login->stored_hash);
	postgres_exec(users_of(login->req)->postgres, http_request_scope(login->req), &store_password_replace, &params,
		      hash_replaced, NULL);
}

static void inactive_token_revoked(enum status status, void *arg)
{
	struct login *login = arg;

	if (status != STATUS_OK)
		http_reply_status(login->req, status);
	else
		reply_token(login);
}

static void reply_token(struct login *login)
{
	cJSON *json = cJSON_CreateObject();

	if (!login->is_legacy) {
		cJSON_AddStringToObject(json, "status", "success");
		cJSON_AddStringToObject(json, "message", "Successfully logged in.");
	}
	cJSON_AddStringToObject(json, login->is_legacy ? "access_token" : "auth_token", login->token);
	http_reply_json(login->req, 200, json);
}

static void refuse(struct login *login)
{
	static const char legacy[] = "{\"status_code\":401,\"error\":\"Bad Request\",\"description\":\"Invalid credentials\"}";

	if (login->is_legacy)
		http_reply(login->req, 401, "application/json", legacy, sizeof legacy - 1);
	else
		http_reply_fail(login->req, 404, "login_failed", "Login failed.");
}

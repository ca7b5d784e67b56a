/* POST /auth/login {email, password} and the older POST /auth {username, password}: a token for a password.
 * Flow: user_login | user_login_older -> loaded -> counted -> verified -> (an inactive user's token is revoked) -> reply.
 * A user who is not there takes the same way, and as long, as one whose password is wrong. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "store.h"

#define LOGIN_BYTES_MAX 512 /* no name and no e-mail is longer in bytes */

struct login {
	struct http_request *req;
	const char *password; /* borrowed from the request */
	bool is_older, is_active, is_admin;
	int64_t user_id;
	int64_t token_ms; /* when the token is of: before the user was looked up, so that it is older than any change since */
	char *typed, *stored_hash, *token; /* typed: the name, as it is compared */
	struct jwt_claims claims;
};

static void login_drop(void *memory)
{
	struct login *login = memory;

	free(login->typed);
	free(login->stored_hash);
	free(login->token);
}

static void refuse(struct login *login)
{
	static const char older[] = "{\"status_code\":401,\"error\":\"Bad Request\",\"description\":\"Invalid credentials\"}";

	if (login->is_older)
		http_reply(login->req, 401, "application/json", older, sizeof older - 1);
	else
		http_reply_fail(login->req, 404, "login_failed", "Login failed.");
}

static void reply_token(struct login *login)
{
	cJSON *json = cJSON_CreateObject();

	if (!login->is_older) {
		cJSON_AddStringToObject(json, "status", "success");
		cJSON_AddStringToObject(json, "message", "Successfully logged in.");
	}
	cJSON_AddStringToObject(json, login->is_older ? "access_token" : "auth_token", login->token);
	http_reply_json(login->req, 200, json);
}

static void inactive_token_revoked(enum status status, void *arg)
{
	struct login *login = arg;

	if (status != STATUS_OK)
		http_reply_status(login->req, status);
	else
		reply_token(login);
}

/* An older hash, or one of weaker parameters, is replaced, unless the password was changed meanwhile. */
static void replaced(enum status status, const struct postgres_rows *rows, void *arg)
{
}

static void replace_hash(struct login *login, const char *new_phc)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, login->user_id);
	postgres_param_text(&params, new_phc);
	postgres_param_text(&params, login->stored_hash);
	postgres_exec(users_of(login->req)->postgres, http_request_scope(login->req), &store_password_replace, &params,
		      replaced, NULL);
}

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	struct login *login = arg;
	struct users *users = users_of(login->req);

	if (status != STATUS_OK) {
		attempts_undo(login->req, login->typed);
		return http_reply_status(login->req, status);
	}
	if (!matches)
		return refuse(login);
	attempts_forget(login->req, login->typed);
	if (new_phc)
		replace_hash(login, new_phc);
	http_request_set_user(login->req, login->user_id);
	login->token = jwt_issue_at(&users->key, login->user_id, login->is_admin, login->token_ms,
				    users->config->auth.token_lifetime_s, &login->claims);
	if (login->is_active)
		reply_token(login);
	else /* the older system let them log in, and so do we: the token opens nothing, anywhere */
		revoke_token(login->req, &login->claims, true, inactive_token_revoked, login);
}

static void counted(bool may_try, long retry_s, void *arg)
{
	struct login *login = arg;
	char retry[24];

	if (may_try) {
		password_verify(users_of(login->req)->hasher, http_request_scope(login->req), login->stored_hash,
				login->password, verified, login);
		return;
	}
	snprintf(retry, sizeof retry, "%ld", retry_s > 0 ? retry_s : 1);
	http_reply_header(login->req, "Retry-After", retry);
	http_reply_fail(login->req, 429, "too_many_attempts", "Too many attempts. Please try again later.");
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct login *login = arg;

	if (status != STATUS_OK)
		return http_reply_status(login->req, status);
	login->typed = mem_strdup(postgres_text(rows, 0, STORE_TYPED));
	if (!postgres_is_null(rows, 0, STORE_ID)) {
		login->user_id = postgres_int(rows, 0, STORE_ID);
		login->is_active = postgres_bool(rows, 0, STORE_ACTIVE);
		login->is_admin = postgres_bool(rows, 0, STORE_ADMIN);
		login->stored_hash = mem_strdup(postgres_text(rows, 0, STORE_PASSWORD_HASH));
		/* What was changed in this very millisecond, or by a clock that is ahead, is over. */
		if (login->token_ms <= postgres_int(rows, 0, STORE_DEAD_UNTIL_MS))
			login->token_ms = postgres_int(rows, 0, STORE_DEAD_UNTIL_MS) + 1;
	}
	attempts_count(login->req, login->typed, counted, login);
}

static void load(struct login *login, const char *name)
{
	struct postgres_params params = {0};

	login->token_ms = clock_unix_ms();
	postgres_param_text(&params, name);
	postgres_exec(users_of(login->req)->postgres, http_request_scope(login->req),
		      login->is_older ? &store_user_by_login : &store_user_by_email, &params, loaded, login);
}

static void begin(struct http_request *req, const char *name_field, bool is_older)
{
	struct login *login = http_request_alloc(req, sizeof *login, login_drop);
	const cJSON *json = http_request_json(req);
	const char *name = json_text(json, name_field);
	cJSON *errors = NULL;

	login->req = req;
	login->is_older = is_older;
	login->password = json_text(json, "password");
	if (!name)
		errors = http_errors_add(errors, name_field, "is required and must be text");
	else if (strlen(name) > LOGIN_BYTES_MAX)
		errors = http_errors_add(errors, name_field, "is too long");
	if (!login->password)
		errors = http_errors_add(errors, "password", "is required and must be text");
	else if (strlen(login->password) > LOGIN_BYTES_MAX)
		errors = http_errors_add(errors, "password", "is too long");
	if (errors && is_older) { /* the older system knew no other answer */
		cJSON_Delete(errors);
		return refuse(login);
	}
	if (errors)
		return http_reply_invalid(req, errors);
	load(login, name);
}

void user_login(struct http_request *req)
{
	begin(req, "email", false);
}

void user_login_older(struct http_request *req)
{
	begin(req, "username", true);
}

/* POST /auth/session {email | username, password, remember?, cookie?}: logs in with a session.
 * Flow: session_create -> credentials.c -> checked -> stored -> reply. A wrong password, an unknown user and an inactive one
 * get the same reply after the same time. */
#include "service.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "revocations/retry_queue.h"
#include "sessions/credentials.h"
#include "sessions/session.h"
#include "sessions/session_cookie.h"
#include "store.h"

#define USER_AGENT_BYTES 256

struct creation {
	struct http_request *req;
	struct session_tokens tokens;
	bool is_remembered;
	char user_agent[USER_AGENT_BYTES + 1];
};

static void checked(struct http_request *req, struct credentials *credentials);
static void store(struct creation *creation, const struct credentials *credentials);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);

static cJSON *check_text(cJSON *errors, const cJSON *json, const char *field)
{
	const char *text = json_text(json, field);

	if (!text)
		return http_errors_add(errors, field, "is required and must be text");
	return strlen(text) > CREDENTIALS_BYTES_MAX ? http_errors_add(errors, field, "is too long") : errors;
}

static cJSON *check_flag(cJSON *errors, const cJSON *json, const char *field, bool *ret_flag)
{
	*ret_flag = false;
	if (json_has(json, field) && json_bool(json, field, ret_flag) != STATUS_OK)
		return http_errors_add(errors, field, "must be true or false");
	return errors;
}

void session_create(struct http_request *req)
{
	const cJSON *json = http_request_json(req);
	const char *name_field = json_has(json, "username") ? "username" : "email";
	bool is_remembered, is_cookie;
	cJSON *errors = check_text(check_text(NULL, json, name_field), json, "password");

	errors = check_flag(check_flag(errors, json, "remember", &is_remembered), json, "cookie", &is_cookie);
	if (json_has(json, "username") && json_has(json, "email"))
		errors = http_errors_add(errors, "username", "must not be given with an email");
	if (errors)
		return http_reply_invalid(req, errors);
	if (is_cookie && !session_cookie_is_allowed(req))
		return;
	credentials_check(req, json_has(json, "username") ? &store_user_by_login : &store_user_by_email,
			  json_text(json, name_field), json_text(json, "password"), true, checked);
}

/* Printable ASCII, because any bytes may come, and an operator or a user will look at them. */
static void copy_user_agent(struct http_request *req, char text[USER_AGENT_BYTES + 1])
{
	const char *given = http_request_header(req, "User-Agent");
	size_t len = given ? strnlen(given, USER_AGENT_BYTES) : 0;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)(given[i] >= ' ' && given[i] <= '~' ? given[i] : '?');
	text[len] = '\0';
}

static bool has_flag(const struct http_request *req, const char *field)
{
	bool flag;

	return json_bool(http_request_json(req), field, &flag) == STATUS_OK && flag;
}

static void checked(struct http_request *req, struct credentials *credentials)
{
	struct creation *creation;

	if (!credentials)
		return http_reply_fail(req, 401, "login_failed", "Login failed.");
	credentials_accept(credentials);
	creation = http_request_alloc(req, sizeof *creation, NULL);
	creation->req = req;
	creation->is_remembered = has_flag(req, "remember");
	creation->tokens.is_cookie = has_flag(req, "cookie");
	creation->tokens.user_id = credentials->user_id;
	creation->tokens.is_admin = credentials->is_admin;
	creation->tokens.issued_ms = credentials->issued_ms;
	creation->tokens.remaining_s = session_first_s(req, creation->is_remembered);
	jwt_jti_make(credentials->issued_ms, creation->tokens.session.id);
	copy_user_agent(req, creation->user_agent);
	store(creation, credentials);
}

static void store(struct creation *creation, const struct credentials *credentials)
{
	struct http_request *req = creation->req;
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(creation->tokens.session.id, id);
	postgres_param_text(&params, id);
	postgres_param_int(&params, credentials->user_id);
	postgres_param_int(&params, credentials->dead_until_ms);
	postgres_param_bool(&params, creation->is_remembered);
	postgres_param_bool(&params, creation->tokens.is_cookie);
	postgres_param_text(&params, creation->user_agent);
	postgres_param_text(&params, http_request_remote_ip(req));
	postgres_param_int(&params, creation->tokens.remaining_s);
	postgres_param_int(&params, users_of(req)->config->session.per_user_max);
	postgres_param_int(&params, users_of(req)->config->auth.token_lifetime_s);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_insert, &params, stored, creation);
}

/* Of the sessions that were one too many, Postgres has the revocations; the other services get them a moment later. */
static void publish_surplus(const struct users *users, const struct postgres_rows *rows)
{
	for (int i = 0; i < postgres_count(rows); i++) {
		struct revocation revocation = {.expires_s = clock_unix_ms() / 1000 + users->config->auth.token_lifetime_s};

		if (jwt_jti_parse(postgres_text(rows, i, COLUMN_STARTED_SURPLUS_ID), revocation.jti) == STATUS_OK)
			retry_queue_add(users->retry_queue, &revocation);
	}
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct creation *creation = arg;

	if (status == STATUS_OK && postgres_count(rows) == 0)
		status = STATUS_UNAVAILABLE; /* the user was changed since the password was read: the client has to try again */
	if (status != STATUS_OK)
		return http_reply_status(creation->req, status);
	publish_surplus(users_of(creation->req), rows);
	creation->tokens.session.authenticated_s = postgres_int(rows, 0, COLUMN_STARTED_AUTHENTICATED_S);
	session_reply(creation->req, 201, &creation->tokens, rows);
}

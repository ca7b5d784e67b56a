/* POST /auth/login {email, password} and the legacy POST /auth {username, password}: a token in exchange for a password, and
 * for `code` or `mtan` beside it, when the user has a second factor that is asked at every login. A call without either has a
 * code by message sent. Flow: user_login | user_login_legacy -> begin -> credentials.c -> checked -> (login_factor.c -> proven)
 * -> log_in -> (an inactive user's token is revoked) -> reply. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/email_link.h"
#include "base/json.h"
#include "challenges/login_factor.h"
#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "sessions/credentials.h"
#include "sessions/device.h"
#include "store/events.h"
#include "store/sessions.h"

struct login {
	struct http_request *req;
	char *token;
	struct jwt_claims claims;
};

static void begin(struct http_request *req, const char *name_field, bool is_legacy);
static void checked(struct http_request *req, struct credentials *credentials);
static void want_factor(struct credentials *credentials);
static void proven(struct http_request *req, const struct answer_right *right, void *arg);
static void log_in(struct credentials *credentials);
static void recorded(enum status status, const struct postgres_rows *rows, void *arg);
static void inactive_token_revoked(enum status status, void *arg);
static void reply_token(struct login *login);
static void refuse(struct http_request *req);
static void refuse_legacy_unverified(struct http_request *req);
static void refuse_without_code(struct credentials *credentials);

void user_login(struct http_request *req)
{
	begin(req, "email", false);
}

void user_login_legacy(struct http_request *req)
{
	begin(req, "username", true);
}

static bool is_legacy_call(const struct http_request *req)
{
	return http_request_route(req)->handle == user_login_legacy;
}

static cJSON *check_field(cJSON *errors, const char *field, const char *text)
{
	if (!text)
		return http_errors_add(errors, field, "is required and must be text");
	return strlen(text) > CREDENTIALS_BYTES_MAX ? http_errors_add(errors, field, "is too long") : errors;
}

static void begin(struct http_request *req, const char *name_field, bool is_legacy)
{
	const char *name = json_text(http_request_json(req), name_field);
	const char *password = json_text(http_request_json(req), "password");
	cJSON *errors = check_field(check_field(NULL, name_field, name), "password", password);

	if (errors && is_legacy) { /* the legacy API has no other refusal */
		cJSON_Delete(errors);
		return refuse(req);
	}
	if (errors)
		return http_reply_invalid(req, errors);
	credentials_check(req, is_legacy ? &store_user_by_login : &store_user_by_email, name, password, false, checked);
}

static void login_drop(void *memory)
{
	free(((struct login *)memory)->token);
}

static void checked(struct http_request *req, struct credentials *credentials)
{
	if (!credentials)
		refuse(req);
	else if (credentials->is_active && email_link_is_wanted(credentials))
		email_link_refuse(credentials, is_legacy_call(req) ? refuse_legacy_unverified : email_link_refuse_login);
	else if (credentials->wants_factor && credentials->is_active)
		want_factor(credentials);
	else
		log_in(credentials);
}

static const char *proof_of(const struct credentials *credentials, const char *member)
{
	const char *proof = json_text(http_request_json(credentials->req), member);

	return proof && strlen(proof) <= CREDENTIALS_BYTES_MAX ? proof : NULL;
}

static void want_factor(struct credentials *credentials)
{
	const char *code = proof_of(credentials, "code"), *mtan = proof_of(credentials, "mtan");

	if (code)
		login_factor_check(credentials, code, proven, credentials);
	else if (mtan)
		login_factor_check_mtan(credentials, mtan, proven, credentials);
	else
		refuse_without_code(credentials);
}

static void proven(struct http_request *req, const struct answer_right *right, void *arg)
{
	if (right)
		log_in(arg);
	else if (is_legacy_call(req))
		refuse(req);
	else
		answer_refuse_wrong(req);
}

/* Without a session a login changes nothing, so no statement of its own could record it. The reply does not wait for this one.
 */
static void record(const struct credentials *credentials)
{
	struct http_request *req = credentials->req;
	struct postgres_params params = {0};

	postgres_param_int(&params, credentials->user_id);
	postgres_param_text(&params, event_origin_of(req, credentials->user_id, NULL));
	postgres_exec(users_of(req)->postgres, &users_of(req)->scope, &store_event_login, &params, recorded, NULL);
}

static void recorded(enum status status, const struct postgres_rows *rows, void *arg)
{
}

static void log_in(struct credentials *credentials)
{
	const struct jwt_subject subject = {credentials->user_id, credentials->is_admin, credentials->dead_until_ms};
	struct http_request *req = credentials->req;
	const struct users *users = users_of(req);
	struct login *login;

	credentials_accept(credentials);
	record(credentials);
	login = http_request_alloc(req, sizeof *login, login_drop);
	login->req = req;
	login->token = jwt_issue_at(&users->key, &subject, credentials->issued_ms, users->config->auth.token_lifetime_s,
				    &login->claims);
	device_note(req, credentials->user_id, NULL);
	if (credentials->is_active)
		reply_token(login);
	else /* as in the legacy system, an inactive user can log in; the token is refused everywhere */
		revoke_token(req, &login->claims, true, NULL, inactive_token_revoked, login);
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
	bool is_legacy = is_legacy_call(login->req);
	cJSON *json = cJSON_CreateObject();

	if (!is_legacy) {
		cJSON_AddStringToObject(json, "status", "success");
		cJSON_AddStringToObject(json, "message", "Successfully logged in.");
	}
	cJSON_AddStringToObject(json, is_legacy ? "access_token" : "auth_token", login->token);
	http_reply_json(login->req, 200, json);
}

static void refuse_legacy(struct http_request *req, const char *description)
{
	struct buf json = {0};

	buf_printf(&json, "{\"status_code\":401,\"error\":\"Bad Request\",\"description\":\"%s\"}", description);
	http_reply_buf(req, 401, &json);
}

static void refuse_legacy_unverified(struct http_request *req)
{
	refuse_legacy(req, "Email address not confirmed");
}

static void refuse(struct http_request *req)
{
	if (is_legacy_call(req))
		refuse_legacy(req, "Invalid credentials");
	else
		http_reply_fail(req, 404, "login_failed", "Login failed.");
}

static void refuse_legacy_without_code(struct http_request *req)
{
	refuse_legacy(req, "Second factor required");
}

static void refuse_without_code(struct credentials *credentials)
{
	if (is_legacy_call(credentials->req))
		login_factor_send(credentials, refuse_legacy_without_code);
	else
		login_factor_ask(credentials, false, false);
}

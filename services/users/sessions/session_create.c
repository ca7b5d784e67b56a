/* POST /auth/session {email | username, password, remember?, cookie?}: logs in with a session, or asks for the second factor.
 * Flow: session_create -> credentials.c -> checked -> session_start.c | login_factor.c. A wrong password, an unknown user and
 * an inactive one get the same reply after the same time. */
#include "service.h"

#include <string.h>

#include "accounts/email_link.h"
#include "base/json.h"
#include "challenges/login_factor.h"
#include "sessions/credentials.h"
#include "sessions/session_cookie.h"
#include "sessions/session_start.h"
#include "store.h"

static void checked(struct http_request *req, struct credentials *credentials);

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

static bool has_flag(const struct http_request *req, const char *field)
{
	bool flag;

	return json_bool(http_request_json(req), field, &flag) == STATUS_OK && flag;
}

static void checked(struct http_request *req, struct credentials *credentials)
{
	struct session_start start = {
		.is_remembered = has_flag(req, "remember"), .is_cookie = has_flag(req, "cookie"), .factor = ""};

	if (!credentials)
		return http_reply_fail(req, 401, "login_failed", "Login failed.");
	if (email_link_is_wanted(credentials))
		return email_link_refuse(credentials, email_link_refuse_login);
	if (credentials->wants_factor)
		return login_factor_ask(credentials, start.is_remembered, start.is_cookie);
	credentials_accept(credentials);
	start.user_id = credentials->user_id;
	start.is_admin = credentials->is_admin;
	start.issued_ms = credentials->issued_ms;
	start.dead_until_ms = credentials->dead_until_ms;
	session_start(req, &start);
}

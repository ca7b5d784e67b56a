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
#include "store/sessions.h"

static void checked(struct http_request *req, struct credentials *credentials);

static cJSON *check_text(cJSON *errors, const cJSON *json, const char *field)
{
	const char *text = json_text(json, field);

	if (!text)
		return http_errors_add(errors, field, "is required and must be text");
	return strlen(text) > CREDENTIALS_BYTES_MAX ? http_errors_add(errors, field, "is too long") : errors;
}

void session_create(struct http_request *req)
{
	const cJSON *json = http_request_json(req);
	const char *name_field = json_has(json, "username") ? "username" : "email";
	struct session_start start = {0};
	cJSON *errors = check_text(check_text(NULL, json, name_field), json, "password");

	errors = session_start_read_flags(errors, json, &start);
	if (json_has(json, "username") && json_has(json, "email"))
		errors = http_errors_add(errors, "username", "must not be given with an email");
	if (errors)
		return http_reply_invalid(req, errors);
	if (start.is_cookie && !session_cookie_is_allowed(req))
		return;
	credentials_check(req, json_has(json, "username") ? &store_user_by_login : &store_user_by_email,
			  json_text(json, name_field), json_text(json, "password"), true, checked);
}

static void checked(struct http_request *req, struct credentials *credentials)
{
	struct session_start start = {.factor = ""};

	session_start_read_flags(NULL, http_request_json(req), &start); /* session_create() has refused wrong ones */
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

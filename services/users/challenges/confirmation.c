/* Flow: confirmation_want -> check -> used -> the handler's `confirmed`, or sessions/confirm.c. */
#include "challenges/confirmation.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "factors/binding.h"
#include "service.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store/challenges.h"

static const struct {
	const char *name, *method, *path, *text;
} actions[] = {
	{"change_password", "PUT", "/auth/password", "change your password"},
	{"change_account", "PATCH", "/auth/account", "change your username or email address"},
	{"delete_account", "DELETE", "/auth/account", "delete your account"},
	{"end_other_sessions", "DELETE", "/auth/sessions", "end all other sessions of yours"},
	{"add_factor", "POST", "/auth/factors", "add a second factor to your account"},
	{"change_factors", "PATCH", "/auth/factors", "change where your second factor is asked"},
	{"remove_factor", "DELETE", "/auth/factors/{id}", "remove a second factor from your account"},
	{"replace_recovery_codes", "POST", "/auth/recovery-codes", "replace your recovery codes"},
	{"change_user", "PATCH", "/users/{id}", "change another user's account"},
	{"delete_user", "DELETE", "/users/{id}", "delete another user's account"},
	{"end_user_sessions", "DELETE", "/users/{id}/sessions", "end all sessions of another user"},
	{"reset_user", "POST", "/users/{id}/reset", "send another user a link to set a new password"},
};
#define ACTIONS (sizeof actions / sizeof *actions)

/* Actions that their parameters make another one to the user who reads the message. The names are stored beside those above;
 * clients do not know them. */
static const struct {
	const char *name, *text;
} particulars[] = {
	{"change_username", "change your username"},
	{"change_email", "change your email address"},
	{"make_admin", "make another user an admin"},
	{"change_email_of_user", "change another user's email address"},
};
#define PARTICULARS (sizeof particulars / sizeof *particulars)

struct check {
	struct http_request *req;
	void (*confirmed)(struct http_request *req, void *arg);
	void *arg;
};

static void used(enum status status, const struct postgres_rows *rows, void *arg);

bool confirmation_is_action(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, name) == 0)
			return true;
	}
	return false;
}

const char *confirmation_particular(const char *action, const cJSON *parameters)
{
	bool has_email = json_has(parameters, "email"), is_of_user = strcmp(action, "change_user") == 0;

	if (is_of_user && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(parameters, "admin")))
		return "make_admin";
	if (is_of_user)
		return has_email ? "change_email_of_user" : action;
	if (strcmp(action, "change_account") != 0 || has_email == json_has(parameters, "username"))
		return action;
	return has_email ? "change_email" : "change_username";
}

const char *confirmation_text(const char *action)
{
	if (!action)
		return "log in";
	if (strcmp(action, CONFIRMATION_RECEIVE_CODES) == 0)
		return "receive codes at this address";
	if (strcmp(action, CONFIRMATION_RECEIVE_CODES_BY_SMS) == 0)
		return "receive codes at this number";
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, action) == 0)
			return actions[i].text;
	}
	for (size_t i = 0; i < PARTICULARS; i++) {
		if (strcmp(particulars[i].name, action) == 0)
			return particulars[i].text;
	}
	return "a change";
}

/* A route that is not in the table has no action, and no confirmation is bound to "". */
static const char *action_of(const struct http_request *req)
{
	const struct http_route *route = http_request_route(req);

	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].method, route->method) == 0 && strcmp(actions[i].path, route->path) == 0)
			return actions[i].name;
	}
	return "";
}

static cJSON *parameters_of(const struct http_request *req)
{
	const cJSON *json = http_request_json(req);
	cJSON *parameters = json ? cJSON_Duplicate(json, true) : cJSON_CreateObject();

	cJSON_DeleteItemFromObjectCaseSensitive(parameters, "current");
	if (strstr(http_request_route(req)->path, "{id}")) {
		cJSON_DeleteItemFromObjectCaseSensitive(parameters, "id");
		cJSON_AddStringToObject(parameters, "id", http_request_param(req, "id"));
	}
	return parameters;
}

static void refuse_invalid(struct http_request *req)
{
	http_reply_fail(req, 403, "confirmation_invalid", "This confirmation has ended, or is of something else.");
}

static bool is_of_this(struct http_request *req, const uint8_t challenge[JWT_JTI_BYTES], const char *text)
{
	const struct jwt_key *key = &users_of(req)->key;
	cJSON *parameters = parameters_of(req);
	const struct binding binding = {http_request_user_id(req), challenge, action_of(req), parameters};
	bool is_bound = binding_is(key->secret, key->previous_secret, &binding, text);

	cJSON_Delete(parameters);
	return is_bound;
}

static void check(struct http_request *req, const char *header, void (*confirmed)(struct http_request *req, void *arg),
		  void *arg)
{
	struct check *check = http_request_alloc(req, sizeof *check, NULL);
	struct postgres_params params = {0};
	uint8_t challenge[JWT_JTI_BYTES];
	char binding[BINDING_LEN + 1], id[37];

	*check = (struct check){.req = req, .confirmed = confirmed, .arg = arg};
	if (binding_confirmation_parse(header, challenge, binding) != STATUS_OK || !is_of_this(req, challenge, binding))
		return refuse_invalid(req);
	jwt_jti_format(challenge, id);
	postgres_param_text(&params, id);
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, binding);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_confirmation_use, &params, used, check);
}

static void used(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct check *check = arg;

	if (status != STATUS_OK)
		http_reply_status(check->req, status);
	else if (postgres_count(rows) == 0)
		refuse_invalid(check->req);
	else
		check->confirmed(check->req, check->arg);
}

static void refuse_unconfirmed(struct http_request *req)
{
	http_reply_fail(req, 403, "confirmation_required",
			users_caller(req)->has_factor ? "Please confirm this with your second factor."
						      : "Please confirm this with your password.");
}

/* What a caller who has no factor needs in place of X-Confirmation. */
enum instead { PASSWORD, NOTHING, NO_OTHER };

static void want(struct http_request *req, enum instead instead, void (*confirmed)(struct http_request *req, void *arg),
		 void *arg)
{
	const char *header = http_request_header(req, "X-Confirmation");

	if (header)
		check(req, header, confirmed, arg);
	else if (users_caller(req)->has_factor || instead == NO_OTHER)
		refuse_unconfirmed(req);
	else if (instead == PASSWORD)
		confirm_password(req, confirmed, arg);
	else
		confirmed(req, arg);
}

void confirmation_want(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg)
{
	want(req, PASSWORD, confirmed, arg);
}

void confirmation_want_header(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg)
{
	want(req, NO_OTHER, confirmed, arg);
}

void confirmation_want_factor(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg)
{
	want(req, NOTHING, confirmed, arg);
}

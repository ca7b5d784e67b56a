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

/* method: NULL: not an action, but a name under which one is stored, which clients do not know: what its parameters make of it,
 * or of what a code of store_mtan_send_for_factor is. An SMS has room for a text of 50 characters. */
static const struct action {
	const char *name, *text, *method, *path;
} actions[] = {
	{"change_password", "change your password", "PUT", "/auth/password"},
	{"change_account", "change your username or email address", "PATCH", "/auth/account"},
	{"change_username", "change your username", NULL, NULL},
	{"change_email", "change your email address", NULL, NULL},
	{"delete_account", "delete your account", "DELETE", "/auth/account"},
	{"end_other_sessions", "end all other sessions of yours", "DELETE", "/auth/sessions"},
	{"add_factor", "add a second factor to your account", "POST", "/auth/factors"},
	{CONFIRMATION_RECEIVE_CODES, "receive codes at this address", NULL, NULL},
	{CONFIRMATION_RECEIVE_CODES_BY_SMS, "receive codes at this number", NULL, NULL},
	{"change_factors", "change where your second factor is asked", "PATCH", "/auth/factors"},
	{"remove_factor", "remove a second factor from your account", "DELETE", "/auth/factors/{id}"},
	{"replace_recovery_codes", "replace your recovery codes", "POST", "/auth/recovery-codes"},
	{"change_user", "change a user's account", "PATCH", "/users/{id}"},
	{"make_admin", "make a user an admin", NULL, NULL},
	{"change_email_of_user", "change a user's email address", NULL, NULL},
	{"make_admin_and_change_email", "make a user an admin, and change its email address", NULL, NULL},
	{"activate_user", "activate a user", NULL, NULL},
	{"activate_and_make_admin", "activate a user, and make it an admin", NULL, NULL},
	{"activate_and_change_email", "activate a user, and change its email address", NULL, NULL},
	{"activate_make_admin_and_change_email", "activate a user as an admin, and change its email", NULL, NULL},
	{"delete_user", "delete a user's account", "DELETE", "/users/{id}"},
	{"end_user_sessions", "end all sessions of a user", "DELETE", "/users/{id}/sessions"},
	{"reset_user", "send a user a link to set a new password", "POST", "/users/{id}/reset"},
};
#define ACTIONS (sizeof actions / sizeof *actions)

struct check {
	struct http_request *req;
	void (*confirmed)(struct http_request *req, void *arg);
	void *arg;
};

static void used(enum status status, const struct postgres_rows *rows, void *arg);

/* NULL: there is none. */
static const struct action *find(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

bool confirmation_is_action(const char *name)
{
	const struct action *action = find(name);

	return action && action->method;
}

static bool is_true(const cJSON *parameters, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(parameters, key));
}

static const char *change_of_user(const cJSON *parameters)
{
	/* activates, makes an admin, changes the email */
	static const char *const names[2][2][2] = {
		{{"change_user", "change_email_of_user"}, {"make_admin", "make_admin_and_change_email"}},
		{{"activate_user", "activate_and_change_email"},
		 {"activate_and_make_admin", "activate_make_admin_and_change_email"}},
	};

	return names[is_true(parameters, "active")][is_true(parameters, "admin")][json_has(parameters, "email")];
}

const char *confirmation_particular(const char *action, const cJSON *parameters)
{
	bool has_email = json_has(parameters, "email");

	if (strcmp(action, "change_user") == 0)
		return change_of_user(parameters);
	if (strcmp(action, "change_account") != 0 || has_email == json_has(parameters, "username"))
		return action;
	return has_email ? "change_email" : "change_username";
}

const char *confirmation_text(const char *name)
{
	const struct action *action = name ? find(name) : NULL;

	if (!name)
		return "log in";
	return action ? action->text : "a change";
}

/* A route that is not in the table has no action, and no confirmation is bound to "". */
static const char *action_of(const struct http_request *req)
{
	const struct http_route *route = http_request_route(req);

	for (size_t i = 0; i < ACTIONS; i++) {
		if (actions[i].method && strcmp(actions[i].method, route->method) == 0 &&
		    strcmp(actions[i].path, route->path) == 0)
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

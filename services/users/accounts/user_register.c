/* POST /auth/register and POST /users: a new user, by oneself or by an admin.
 * Flow: user_register | user_add -> begin -> hashed -> inserted -> a token | "… was added!" */
#include "service.h"

#include <stdlib.h>

#include "base/json.h"
#include "store.h"
#include "accounts/validation.h"

struct registration {
	struct http_request *req;
	const cJSON *json; /* borrowed from the request */
	bool by_admin;
};

static void reply_with_token(struct registration *registration, int64_t user_id)
{
	struct users *users = users_of(registration->req);
	cJSON *json = cJSON_CreateObject();
	struct jwt_claims claims;
	char *token = jwt_issue(&users->key, user_id, false, users->config->auth.token_lifetime_s, &claims);

	cJSON_AddStringToObject(json, "status", "success");
	cJSON_AddStringToObject(json, "message", "Successfully registered.");
	cJSON_AddStringToObject(json, "auth_token", token);
	free(token);
	http_reply_json(registration->req, 201, json);
}

static void reply_added(struct registration *registration)
{
	struct buf message = {0};

	buf_printf(&message, "%s was added!", json_text(registration->json, "email"));
	http_reply_success(registration->req, 201, message.bytes, NULL);
	buf_free(&message);
}

static void inserted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct registration *registration = arg;

	if (status == STATUS_CONFLICT && registration->by_admin) {
		http_reply_fail(registration->req, 400, "user_exists", "Sorry. That email already exists.");
	} else if (status == STATUS_CONFLICT) {
		http_reply_fail(registration->req, 400, "user_exists", "Sorry. That user already exists.");
	} else if (status != STATUS_OK) {
		http_reply_status(registration->req, status);
	} else if (registration->by_admin) {
		reply_added(registration);
	} else {
		reply_with_token(registration, postgres_int(rows, 0, STORE_ID));
	}
}

static void hashed(enum status status, const char *phc, void *arg)
{
	struct registration *registration = arg;
	struct postgres_params params = {0};

	if (status != STATUS_OK)
		return http_reply_status(registration->req, status);
	postgres_param_text(&params, json_text(registration->json, "username"));
	postgres_param_text(&params, json_text(registration->json, "email"));
	postgres_param_text(&params, phc);
	postgres_exec(users_of(registration->req)->postgres, http_request_scope(registration->req), &store_user_insert, &params,
		      inserted, registration);
}

static void begin(struct registration *registration)
{
	struct http_request *req = registration->req;
	cJSON *errors = registration_errors(registration->json);

	if (errors)
		return http_reply_invalid(req, errors);
	password_hash(users_of(req)->hasher, http_request_scope(req), json_text(registration->json, "password"), hashed,
		      registration);
}

static struct registration *registration_new(struct http_request *req)
{
	struct registration *registration = http_request_alloc(req, sizeof *registration, NULL);

	registration->req = req;
	return registration;
}

void user_register(struct http_request *req)
{
	struct registration *registration = registration_new(req);

	registration->json = http_request_json(req);
	begin(registration);
}

/* The payload is looked at last: whoever may not add users learns nothing about it. */
void user_add(struct http_request *req)
{
	struct registration *registration = registration_new(req);

	if (!users_require_admin(req) || !http_request_read_json(req))
		return;
	registration->by_admin = true;
	registration->json = http_request_json(req);
	begin(registration);
}

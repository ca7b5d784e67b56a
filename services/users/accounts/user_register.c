/* POST /auth/register: a visitor registers, and receives a token.
 * Flow: user_register -> registration.c -> reply_token. */
#include "service.h"

#include <stdlib.h>

#include "accounts/registration.h"
#include "sessions/device.h"

static void reply_token(struct http_request *req, int64_t user_id);

void user_register(struct http_request *req)
{
	registration_start(req, "Sorry. That user already exists.", reply_token);
}

static void reply_token(struct http_request *req, int64_t user_id)
{
	struct users *users = users_of(req);
	cJSON *json = cJSON_CreateObject();
	struct jwt_claims claims;
	char *token = jwt_issue(&users->key, user_id, false, users->config->auth.token_lifetime_s, &claims);

	device_note(req, user_id);
	cJSON_AddStringToObject(json, "status", "success");
	cJSON_AddStringToObject(json, "message", "Successfully registered.");
	cJSON_AddStringToObject(json, "auth_token", token);
	free(token);
	http_reply_json(req, 201, json);
}

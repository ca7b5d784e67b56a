/* POST /auth/register: a visitor registers, and receives a token; or, with EMAIL_VERIFICATION, first a link by mail, and with
 * `required` no token before it was used. Flow: user_register -> registration.c -> registered -> (email_link.c -> sent) ->
 * reply_token | reply. */
#include "service.h"

#include <stdlib.h>

#include "accounts/email_link.h"
#include "accounts/registration.h"
#include "sessions/device.h"

static void begin(struct http_request *req, int64_t user_id);
static void sent(struct http_request *req, bool is_made, void *arg);
static void reply_token(struct http_request *req, int64_t user_id);

void user_register(struct http_request *req)
{
	registration_start(req, "Sorry. That user already exists.", begin);
}

static void begin(struct http_request *req, int64_t user_id)
{
	int64_t *id = http_request_alloc(req, sizeof *id, NULL);

	*id = user_id;
	if (users_of(req)->config->email_verification == VERIFICATION_OFF)
		reply_token(req, user_id);
	else
		email_link_send(req, user_id, sent, id);
}

static void sent(struct http_request *req, bool is_made, void *arg)
{
	const int64_t *user_id = arg;

	if (users_of(req)->config->email_verification == VERIFICATION_REQUIRED)
		http_reply_success(req, 202, "Please open the link that was sent to your email address.", NULL);
	else
		reply_token(req, *user_id);
}

static void reply_token(struct http_request *req, int64_t user_id)
{
	const struct jwt_subject subject = {.user_id = user_id}; /* of whom no token was ended when it was stored */
	struct users *users = users_of(req);
	cJSON *json = cJSON_CreateObject();
	struct jwt_claims claims;
	char *token = jwt_issue(&users->key, &subject, users->config->auth.token_lifetime_s, &claims);

	device_note(req, user_id, NULL);
	cJSON_AddStringToObject(json, "status", "success");
	cJSON_AddStringToObject(json, "message", "Successfully registered.");
	cJSON_AddStringToObject(json, "auth_token", token);
	free(token);
	http_reply_json(req, 201, json);
}

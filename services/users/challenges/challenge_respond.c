/* POST /auth/challenge/{id} {method, code | password | assertion}: the session of a login, or the confirmation of an action.
 * Flow: challenge_respond -> answer.c -> answered_now -> session_start.c | reply. */
#include "service.h"

#include <string.h>

#include "base/json.h"
#include "challenges/answer.h"
#include "factors/binding.h"
#include "sessions/credentials.h"
#include "sessions/session_cookie.h"
#include "sessions/session_start.h"

static void answered_now(struct http_request *req, const struct answer_right *right, void *arg);

void challenge_respond(struct http_request *req)
{
	const cJSON *json = http_request_json(req);
	const char *name = json_text(json, "method"), *proof;
	const struct method *method = name ? method_find(name) : NULL;

	if (!method)
		return http_reply_invalid(req, http_errors_add(NULL, "method", "must be one of the challenge's methods"));
	proof = json_text(json, method->member);
	if (method->is_object && !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, method->member)))
		return http_reply_invalid(req, http_errors_add(NULL, method->member, "is required and must be an object"));
	if (!method->is_object && (!proof || strlen(proof) > CREDENTIALS_BYTES_MAX))
		return http_reply_invalid(req, http_errors_add(NULL, method->member, "is required and must be text"));
	answer_challenge(req, http_request_param(req, "id"), method, proof, answered_now, NULL);
}

static void log_in(struct http_request *req, const struct answer_right *right)
{
	const struct session_start start = {.user_id = right->user_id,
					    .is_admin = right->is_admin,
					    .issued_ms = right->issued_ms,
					    .dead_until_ms = right->dead_until_ms,
					    .is_remembered = right->is_remembered,
					    .is_cookie = right->is_cookie,
					    .factor = right->method->amr};

	if (!right->is_cookie || session_cookie_is_allowed(req))
		session_start(req, &start);
}

static void confirm(struct http_request *req, const struct answer_right *right)
{
	char text[BINDING_CONFIRMATION_LEN + 1];
	uint8_t id[JWT_JTI_BYTES];
	cJSON *data;

	if (jwt_jti_parse(right->challenge, id) != STATUS_OK ||
	    binding_confirmation_format(id, right->binding, text) != STATUS_OK)
		return http_reply_status(req, STATUS_INTERNAL);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "confirmation", text);
	cJSON_AddNumberToObject(data, "expires_in", CONFIRMATION_S);
	http_reply_success(req, 200, "Confirmed.", data);
}

static void answered_now(struct http_request *req, const struct answer_right *right, void *arg)
{
	if (!right)
		answer_refuse_wrong(req);
	else if (right->binding)
		confirm(req, right);
	else
		log_in(req, right);
}

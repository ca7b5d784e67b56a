/* POST /auth/confirmations {action, parameters?}: a challenge whose answer confirms this action with these parameters, once.
 * Flow: confirmation_begin -> challenge.c -> reply. */
#include "service.h"

#include "base/json.h"
#include "challenges/challenge.h"
#include "challenges/confirmation.h"

static void started(struct http_request *req, const char *id, cJSON *data, void *arg)
{
	http_reply_success(req, 201, "Please confirm.", data);
}

void confirmation_begin(struct http_request *req)
{
	const cJSON *json = http_request_json(req), *parameters = cJSON_GetObjectItemCaseSensitive(json, "parameters");
	const char *action = json_text(json, "action");
	cJSON *errors = NULL;

	if (!action || !confirmation_is_action(action))
		errors = http_errors_add(errors, "action", "must be one that can be confirmed");
	if (parameters && !cJSON_IsObject(parameters))
		errors = http_errors_add(errors, "parameters", "must be an object");
	if (errors)
		return http_reply_invalid(req, errors);
	challenge_start(req,
			&(struct challenge_start){.user_id = http_request_user_id(req),
						  .action = action,
						  .particular = confirmation_particular(action, parameters),
						  .parameters = parameters},
			started, NULL);
}

#include "accounts/user_fields.h"

#include "accounts/taken.h"
#include "accounts/validation.h"
#include "base/json.h"
#include "http/reply.h"

bool user_fields_are_given(const cJSON *json)
{
	return json_has(json, "username") || json_has(json, "email");
}

static cJSON *check(cJSON *errors, const cJSON *json, const char *key, const char *problem)
{
	return json_has(json, key) && problem ? http_errors_add(errors, key, problem) : errors;
}

cJSON *user_fields_errors(cJSON *errors, const cJSON *json)
{
	errors = check(errors, json, "username", username_problem(json_text(json, "username")));
	return check(errors, json, "email", email_problem(json_text(json, "email")));
}

void user_fields_params(struct postgres_params *params, const cJSON *json)
{
	postgres_param_text(params, json_text(json, "username"));
	postgres_param_text(params, json_text(json, "email"));
}

static const char is_taken[] = "Another user has that name or email.";

void user_fields_refuse_taken(struct http_request *req, int64_t own_id)
{
	taken_refuse(req, own_id, 409, is_taken);
}

void user_fields_refuse_taken_name(struct http_request *req)
{
	taken_refuse_name(req, 409, is_taken);
}

/* Checks the token of a request against this process's copy of the revocations. VALUES_ANONYMOUS lets submissions pass that
 * have none. */
#include "service.h"

#include <string.h>

void values_authenticate(struct http_request *req)
{
	struct values *values = values_of(req);
	struct jwt_claims claims;
	enum auth_verdict verdict =
		auth_check(&values->key, values->revocations, http_request_header(req, "Authorization"), &claims);
	bool is_submission = strcmp(http_request_route(req)->method, "POST") == 0;

	if (verdict == AUTH_OK)
		http_request_set_user(req, claims.user_id);
	else if (verdict != AUTH_MISSING || !values->config->anonymous || !is_submission)
		return auth_refuse(req, verdict);
	http_request_proceed(req);
}

#include "factors/factor.h"

#include "auth/jwt.h"
#include "base/clock.h"
#include "http/reply.h"
#include "sessions/authenticate.h"

bool factor_of_path(struct http_request *req)
{
	uint8_t id[JWT_JTI_BYTES];

	if (jwt_jti_parse(http_request_param(req, "id"), id) == STATUS_OK)
		return true;
	factor_not_found(req);
	return false;
}

void factor_not_found(struct http_request *req)
{
	http_reply_fail(req, 404, "factor_not_found", "You have no such factor.");
}

void factor_none(struct http_request *req)
{
	http_reply_fail(req, 409, "no_factor", "You have no second factor.");
}

void factor_add_caller(struct http_request *req, struct postgres_params *params, char session[37])
{
	const struct jwt_claims *claims = &users_caller(req)->claims;

	jwt_jti_format(claims->session.id, session);
	postgres_param_int(params, claims->user_id);
	postgres_param_text(params, claims->has_session ? session : NULL);
	postgres_param_int(params, clock_unix_ms());
}

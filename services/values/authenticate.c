/* Checks the token of a request against this process's copy of the revocations, and asks users about it while the copy is not
 * to be trusted. Submitting and reading a result pass without a token; their handlers then ask values_needs_token(), because
 * they know the index. */
#include "service.h"

struct caller { /* the request's context, if it has a token */
	int64_t user_id;
	bool is_admin;
};

bool values_is_admin(const struct http_request *req)
{
	const struct caller *caller = http_request_context(req);

	return caller && caller->is_admin;
}

bool values_needs_token(const struct http_request *req, int64_t index)
{
	const struct values_config *config = values_of(req)->config;

	/* anonymous_max 0 means none, and so not even index 0 */
	return http_request_user_id(req) == 0 && !config->anonymous &&
	       (config->anonymous_max == 0 || index > config->anonymous_max);
}

static bool may_lack_token(const struct http_request *req)
{
	const struct http_route *route = http_request_route(req);

	return route->handle == value_submit || route->handle == value_result;
}

static void set_caller(struct http_request *req, const struct jwt_claims *claims)
{
	struct caller *caller = http_request_alloc(req, sizeof *caller, NULL);

	*caller = (struct caller){claims->user_id, claims->is_admin};
	http_request_set_context(req, caller);
}

static void asked(enum auth_verdict verdict, const struct introspection_user *user, void *arg)
{
	struct http_request *req = arg;
	const struct caller *caller = http_request_context(req);

	if (verdict != AUTH_OK)
		return auth_refuse(req, verdict);
	http_request_set_user(req, caller->user_id);
	http_request_proceed(req);
}

static void ask_users(struct http_request *req, const char *authorization, const struct jwt_claims *claims)
{
	set_caller(req, claims);
	if (!introspection_ask(values_of(req)->introspection, http_request_scope(req), NULL, authorization, asked, req))
		auth_refuse(req, AUTH_UNKNOWN);
}

void values_authenticate(struct http_request *req)
{
	struct values *values = values_of(req);
	const char *authorization = http_request_header(req, "Authorization");
	struct jwt_claims claims;
	enum auth_verdict verdict = auth_check(&values->key, values->revocations, authorization, &claims);

	if (verdict == AUTH_UNKNOWN)
		return ask_users(req, authorization, &claims);
	if (verdict == AUTH_OK) {
		set_caller(req, &claims);
		http_request_set_user(req, claims.user_id);
	} else if (verdict != AUTH_MISSING || !may_lack_token(req)) {
		return auth_refuse(req, verdict);
	}
	http_request_proceed(req);
}

/* GET and POST /auth/logout, DELETE /auth/session: from the reply on, every service refuses this token, and the tokens of its
 * session.
 * Flow: user_logout -> revoked -> reply; with a session: user_logout -> session_ended -> revoked -> reply. */
#include "service.h"

#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "revocations/revoked_tokens.h"
#include "sessions/authenticate.h"
#include "sessions/session_cookie.h"
#include "store/sessions.h"

struct logout {
	struct http_request *req;
	struct revoking *revoking;
};

static void session_ended(enum status status, const struct postgres_rows *rows, void *arg);
static void revoked_everywhere(enum status status, void *arg);

static void end_session(struct http_request *req, const struct jwt_claims *claims)
{
	struct logout *logout = http_request_alloc(req, sizeof *logout, NULL);
	struct postgres_params params = {0};
	char id[37];

	logout->req = req;
	jwt_jti_format(claims->session.id, id);
	postgres_param_text(&params, id);
	postgres_param_int(&params, claims->user_id);
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, event_origin(req));
	logout->revoking = revoke_begin_session(req, claims->session.id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_end, &params, session_ended, logout);
}

void user_logout(struct http_request *req)
{
	const struct jwt_claims *claims = &users_caller(req)->claims;

	if (claims->has_session)
		end_session(req, claims);
	else
		revoke_token(req, claims, false, event_origin(req), revoked_everywhere, req);
}

static void session_ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct logout *logout = arg;

	if (status != STATUS_OK)
		return http_reply_status(logout->req, status);
	if (postgres_count(rows) > 0)
		return revoke_session(logout->revoking, revoked_everywhere, logout->req);
	revoke_nothing(logout->revoking); /* the session has expired, and its last token has not */
	revoke_token(logout->req, &users_caller(logout->req)->claims, false, event_origin(logout->req), revoked_everywhere,
		     logout->req);
}

static void revoked_everywhere(enum status status, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	session_cookie_clear(req);
	http_reply_success(req, 200, "Successfully logged out.", NULL);
}

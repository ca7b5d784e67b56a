/* DELETE /auth/sessions/{id}: ends one of the caller's sessions. From the reply on, every service refuses its tokens.
 * Flow: session_end -> ended -> published -> reply. */
#include "service.h"

#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "revocations/revoked_tokens.h"
#include "sessions/authenticate.h"
#include "store/sessions.h"

struct ending {
	struct http_request *req;
	struct revoking *revoking;
};

static void ended(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

static void not_found(struct http_request *req)
{
	http_reply_fail(req, 404, "session_not_found", "You have no such session.");
}

void session_end(struct http_request *req)
{
	struct ending *ending = http_request_alloc(req, sizeof *ending, NULL);
	struct postgres_params params = {0};
	uint8_t id[JWT_JTI_BYTES];

	ending->req = req;
	if (jwt_jti_parse(http_request_param(req, "id"), id) != STATUS_OK)
		return not_found(req);
	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, event_origin(req));
	ending->revoking = revoke_begin_session(req, id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_end, &params, ended, ending);
}

static void ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		return http_reply_status(ending->req, status);
	if (postgres_count(rows) > 0)
		return revoke_session(ending->revoking, published, ending);
	revoke_nothing(ending->revoking);
	not_found(ending->req);
}

static void published(enum status status, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		http_reply_status(ending->req, status);
	else
		http_reply_success(ending->req, 200, "The session was ended.", NULL);
}

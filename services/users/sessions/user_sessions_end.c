/* DELETE /users/{id}/sessions, for admins: ends all sessions and tokens of a user, who can log in again.
 * Flow: user_sessions_end -> confirmation.c -> confirmed -> ended -> published -> reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "base/clock.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "sessions/authenticate.h"
#include "store/revocations.h"

struct ending {
	struct http_request *req;
	struct revoking *revoking;
	int64_t user_id;
};

static void confirmed(struct http_request *req, void *arg);
static void ended(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void user_sessions_end(struct http_request *req)
{
	struct ending *ending = http_request_alloc(req, sizeof *ending, NULL);

	ending->req = req;
	if (users_require_admin(req) && user_of_path(req, &ending->user_id))
		confirmation_want_header(req, confirmed, ending);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct ending *ending = arg;
	struct postgres_params params = {0};

	postgres_param_int(&params, ending->user_id);
	postgres_param_int(&params, clock_unix_ms());
	postgres_param_text(&params, event_origin(req));
	ending->revoking = revoke_begin(req, ending->user_id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_tokens_end, &params, ended, ending);
}

static void ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		return http_reply_status(ending->req, status);
	if (postgres_count(rows) == 0) {
		revoke_nothing(ending->revoking);
		return user_of_path_not_found(ending->req);
	}
	revoke_user(ending->revoking, postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE),
		    postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), published, ending);
}

static void published(enum status status, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		http_reply_status(ending->req, status);
	else
		http_reply_success(ending->req, 200, "All sessions of the user were ended.", NULL);
}

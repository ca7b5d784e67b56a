/* DELETE /auth/account {current}: deletes the caller's own account, with all its tokens and sessions.
 * Flow: account_delete -> confirmation.c -> confirmed -> deleted -> published -> reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "revocations/revoked_tokens.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store/accounts.h"

struct deletion {
	struct http_request *req;
	struct revoking *revoking;
};

static void confirmed(struct http_request *req, void *arg);
static void deleted(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void account_delete(struct http_request *req)
{
	struct deletion *deletion = http_request_alloc(req, sizeof *deletion, NULL);

	deletion->req = req;
	confirmation_want(req, confirmed, deletion);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct deletion *deletion = arg;
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, users_caller(req)->password_hash);
	postgres_param_text(&params, event_origin(req));
	deletion->revoking = revoke_begin(req, http_request_user_id(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_delete, &params, deleted, deletion);
}

static void deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct deletion *deletion = arg;

	if (status == STATUS_OK && postgres_count(rows) == 0) {
		revoke_nothing(deletion->revoking);
		return confirm_refuse_outdated(deletion->req);
	}
	if (user_of_path_was_written(deletion->req, status, rows, deletion->revoking))
		revoke_user(deletion->revoking, true, INT64_MAX, published, deletion);
}

static void published(enum status status, void *arg)
{
	struct deletion *deletion = arg;

	if (status != STATUS_OK)
		http_reply_status(deletion->req, status);
	else
		http_reply_success(deletion->req, 200, "Your account was deleted.", NULL);
}

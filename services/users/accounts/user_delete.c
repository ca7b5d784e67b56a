/* DELETE /users/{id}, for admins. Deleting a user revokes all its tokens.
 * Flow: user_delete -> confirmation.c -> confirmed -> deleted -> published -> reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "revocations/revoked_tokens.h"
#include "sessions/authenticate.h"
#include "store/accounts.h"

struct deletion {
	struct http_request *req;
	struct revoking *revoking;
	int64_t id;
};

static void confirmed(struct http_request *req, void *arg);
static void deleted(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void user_delete(struct http_request *req)
{
	struct deletion *deletion = http_request_alloc(req, sizeof *deletion, NULL);

	deletion->req = req;
	if (users_require_admin(req) && user_of_path(req, &deletion->id))
		confirmation_want_factor(req, confirmed, deletion);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct deletion *deletion = arg;
	struct postgres_params params = {0};

	postgres_param_int(&params, deletion->id);
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, NULL);
	postgres_param_text(&params, event_origin(req));
	deletion->revoking = revoke_begin(req, deletion->id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_delete, &params, deleted, deletion);
}

static void deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct deletion *deletion = arg;

	if (user_of_path_was_written(deletion->req, status, rows, deletion->revoking))
		revoke_user(deletion->revoking, true, INT64_MAX, published, deletion);
}

static void published(enum status status, void *arg)
{
	struct deletion *deletion = arg;

	if (status != STATUS_OK)
		http_reply_status(deletion->req, status);
	else
		http_reply_success(deletion->req, 200, "The user was deleted.", NULL);
}

/* DELETE /users/{id}, for admins. Deleting a user revokes all its tokens.
 * Flow: user_delete -> deleted -> published -> reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "revocations/revoke.h"
#include "sessions/authenticate.h"
#include "store.h"

struct deletion {
	struct http_request *req;
	struct revoking *revoking;
};

static void deleted(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void user_delete(struct http_request *req)
{
	struct deletion *deletion = http_request_alloc(req, sizeof *deletion, NULL);
	struct postgres_params params = {0};
	int64_t id;

	deletion->req = req;
	if (!users_require_admin(req) || !user_of_path(req, &id))
		return;
	postgres_param_int(&params, id);
	postgres_param_int(&params, users_of(req)->config->auth.token_lifetime_s);
	postgres_param_text(&params, NULL);
	deletion->revoking = revoke_begin(req, id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_delete, &params, deleted, deletion);
}

static void deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct deletion *deletion = arg;

	if (user_of_path_was_written(deletion->req, status, rows))
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

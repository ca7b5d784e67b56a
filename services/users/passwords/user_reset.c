/* POST /users/{id}/reset, for admins: sends the user a link that sets a new password, as POST /auth/password/forgot does. Until
 * it is used, the password and the sessions stay: an admin who fears that an account is in other hands also ends its sessions
 * or deactivates it. The admin learns neither link nor password. Flow: user_reset -> confirmation.c -> confirmed -> sent ->
 * reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "passwords/resets.h"
#include "sessions/authenticate.h"
#include "store/passwords.h"

static void confirmed(struct http_request *req, void *arg);
static void sent(enum status status, const struct postgres_rows *rows, void *arg);

void user_reset(struct http_request *req)
{
	int64_t id;

	if (users_require_admin(req) && user_of_path(req, &id))
		confirmation_want_header(req, confirmed, NULL);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_int(&params, RESETS_PER_USER);
	postgres_param_int(&params, RESETS_LINK_SECONDS);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_reset, &params, sent, req);
}

static void sent(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return user_of_path_not_found(req);
	if (!postgres_bool(rows, 0, COLUMN_RESET_IS_ACTIVE))
		return http_reply_fail(req, 409, "user_deactivated", "The user is not active.");
	if (!postgres_bool(rows, 0, COLUMN_RESET_IS_SENT))
		return http_reply_fail(req, 409, "too_many_links", "The user has as many good links as possible.");
	outbox_wake(users_of(req)->outbox);
	http_reply_success(req, 202, "A message with a link is on its way to the user.", NULL);
}

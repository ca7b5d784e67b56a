/* DELETE /auth/factors/{id}: removes a factor, and with the last one the recovery codes. All other sessions end.
 * Flow: factor_remove -> confirmation.c -> confirmed -> removed -> others.c. */
#include "service.h"

#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "factors/factor.h"
#include "mail/outbox.h"
#include "sessions/authenticate.h"
#include "sessions/others.h"
#include "store/factors.h"

struct removal {
	struct http_request *req;
	struct others *others;
};

static void confirmed(struct http_request *req, void *arg);
static void removed(enum status status, const struct postgres_rows *rows, void *arg);

void factor_remove(struct http_request *req)
{
	if (!factor_of_path(req))
		return;
	if (!users_caller(req)->has_factor)
		return factor_not_found(req);
	confirmation_want_header(req, confirmed, NULL);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct removal *removal = http_request_alloc(req, sizeof *removal, NULL);
	struct postgres_params params = {0};
	char session[37];

	removal->req = req;
	removal->others = others_begin(req, "Your second factor was removed.");
	factor_add_caller(req, &params, session);
	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_remove, &params, removed, removal);
}

static void removed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct removal *removal = arg;

	if (status != STATUS_OK)
		return http_reply_status(removal->req, status);
	if (postgres_count(rows) == 0) {
		others_spare(removal->others);
		return factor_not_found(removal->req);
	}
	outbox_wake(users_of(removal->req)->outbox);
	others_ended(removal->others, rows);
}

/* PATCH /auth/factors {asked: "login" | "sensitive", current?}: where a factor is asked. All other sessions end.
 * Flow: factor_ask -> confirmation.c -> confirmed -> stored -> others.c. */
#include "service.h"

#include <string.h>

#include "base/json.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "factors/factor.h"
#include "mail/outbox.h"
#include "sessions/others.h"
#include "store/factors.h"

struct asking {
	struct http_request *req;
	struct others *others;
};

static void confirmed(struct http_request *req, void *arg);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);

void factor_ask(struct http_request *req)
{
	const char *asked = json_text(http_request_json(req), "asked");

	if (!asked || (strcmp(asked, "login") != 0 && strcmp(asked, "sensitive") != 0))
		return http_reply_invalid(req, http_errors_add(NULL, "asked", "must be login or sensitive"));
	confirmation_want(req, confirmed, NULL);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct asking *asking = http_request_alloc(req, sizeof *asking, NULL);
	struct postgres_params params = {0};
	char session[37];

	asking->req = req;
	asking->others = others_begin(req, "Changed.");
	factor_add_caller(req, &params, session);
	postgres_param_text(&params, json_text(http_request_json(req), "asked"));
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_ask, &params, stored, asking);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct asking *asking = arg;

	if (status != STATUS_OK)
		return http_reply_status(asking->req, status);
	if (postgres_count(rows) == 0) {
		others_spare(asking->others);
		return factor_none(asking->req);
	}
	outbox_wake(users_of(asking->req)->outbox);
	others_ended(asking->others, rows);
}

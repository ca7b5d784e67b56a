/* PATCH /auth/factors {asked: "login" | "sensitive", current?}: where a factor is asked.
 * Flow: factor_ask -> confirmation.c -> confirmed -> stored -> reply. */
#include "service.h"

#include <string.h>

#include "base/json.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "factors/factor.h"
#include "store/factors.h"

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
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, json_text(http_request_json(req), "asked"));
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_ask, &params, stored, req);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		http_reply_status(req, status);
	else if (postgres_count(rows) == 0)
		factor_none(req);
	else
		http_reply_success(req, 200, "Changed.", NULL);
}

/* PATCH /auth/account {username?, email?, current}: changes the caller's own name or e-mail. Tokens and sessions stay.
 * Flow: account_change -> confirmation.c -> confirmed -> changed -> reply. */
#include "service.h"

#include "accounts/user_fields.h"
#include "accounts/user_json.h"
#include "base/json_write.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store.h"

static void confirmed(struct http_request *req, void *arg);
static void changed(enum status status, const struct postgres_rows *rows, void *arg);

void account_change(struct http_request *req)
{
	const cJSON *json = http_request_json(req);
	cJSON *errors = user_fields_errors(NULL, json);

	if (!user_fields_are_given(json))
		errors = http_errors_add(errors, "username", "or email is required");
	if (errors)
		return http_reply_invalid(req, errors);
	confirmation_want(req, confirmed, NULL);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	user_fields_params(&params, http_request_json(req));
	postgres_param_text(&params, users_caller(req)->password_hash);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_account_change, &params, changed, req);
}

static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct buf json = {0};

	if (status == STATUS_CONFLICT)
		return user_fields_refuse_taken(req, http_request_user_id(req));
	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return confirm_refuse_outdated(req);
	outbox_wake(users_of(req)->outbox);
	http_success_begin(&json, "Your account was changed.");
	user_json_of_row(&json, rows, 0, true);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

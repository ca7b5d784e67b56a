/* PATCH /auth/account {username?, email?, current}: changes the caller's own name or e-mail. Tokens and sessions stay. With
 * EMAIL_VERIFICATION another e-mail waits until a link that is sent to it was used; the name is not changed without the link.
 * Flow: account_change -> confirmation.c -> confirmed -> changed -> reply. */
#include "service.h"

#include <string.h>

#include "accounts/email_link.h"
#include "accounts/user_fields.h"
#include "accounts/user_json.h"
#include "base/json.h"
#include "base/json_write.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store/accounts.h"

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

/* Whether another e-mail is given, which waits for its link. */
static bool waits_for_link(const struct http_request *req)
{
	const char *email = json_text(http_request_json(req), "email");
	bool is_another = email && strcmp(email, users_caller(req)->email) != 0;

	return is_another && users_of(req)->config->email_verification != VERIFICATION_OFF;
}

static void confirmed(struct http_request *req, void *arg)
{
	const struct postgres_statement *statement = &store_account_change;
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	user_fields_params(&params, http_request_json(req));
	postgres_param_text(&params, users_caller(req)->password_hash);
	postgres_param_text(&params, event_origin(req));
	if (waits_for_link(req)) {
		statement = &store_account_change_waits;
		postgres_param_int(&params, EMAIL_LINK_S);
		postgres_param_int(&params, EMAIL_LINKS_MAX);
	}
	postgres_exec(users_of(req)->postgres, http_request_scope(req), statement, &params, changed, req);
}

static void reply(struct http_request *req, const struct postgres_rows *rows, bool waits)
{
	struct buf json = {0};

	http_success_begin(&json,
			   waits ? "Please open the link that was sent to the new address." : "Your account was changed.");
	user_json_of_row(&json, rows, 0, true);
	json_write_object_end(&json);
	http_reply_buf(req, waits ? 202 : 200, &json);
}

static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	bool waits = waits_for_link(req);

	if (status == STATUS_CONFLICT && waits) /* the e-mail does, so it was the name */
		return user_fields_refuse_taken_name(req);
	if (status == STATUS_CONFLICT)
		return user_fields_refuse_taken(req, http_request_user_id(req));
	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return confirm_refuse_outdated(req);
	if (postgres_is_null(rows, 0, COLUMN_USER_ID))
		return email_link_refuse_more(req);
	outbox_wake(users_of(req)->outbox);
	reply(req, rows, waits);
}

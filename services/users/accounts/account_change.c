/* PATCH /auth/account {username?, email?, current}: changes the caller's own name or e-mail. Tokens and sessions stay. With
 * EMAIL_VERIFICATION another e-mail waits until a link that is sent to it was used.
 * Flow: account_change -> confirmation.c -> confirmed -> changed -> (email_link.c -> sent) -> reply. */
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
#include "store.h"

static void confirmed(struct http_request *req, void *arg);
static void changed(enum status status, const struct postgres_rows *rows, void *arg);
static void sent(struct http_request *req, bool is_made, void *arg);

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

/* The e-mail that waits for its link; NULL: none. */
static const char *waiting_email(const struct http_request *req)
{
	const char *email = json_text(http_request_json(req), "email");
	bool is_another = email && strcmp(email, users_caller(req)->email) != 0;

	return is_another && users_of(req)->config->email_verification != VERIFICATION_OFF ? email : NULL;
}

static void confirmed(struct http_request *req, void *arg)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, json_text(http_request_json(req), "username"));
	postgres_param_text(&params, waiting_email(req) ? NULL : json_text(http_request_json(req), "email"));
	postgres_param_text(&params, users_caller(req)->password_hash);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_account_change, &params, changed, req);
}

static void json_drop(void *memory)
{
	buf_free(memory);
}

static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct buf *json = http_request_alloc(req, sizeof *json, json_drop);
	const char *email = waiting_email(req);

	if (status == STATUS_CONFLICT && email) /* which waits, so it was the name */
		return user_fields_refuse_taken_name(req);
	if (status == STATUS_CONFLICT)
		return user_fields_refuse_taken(req, http_request_user_id(req));
	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return confirm_refuse_outdated(req);
	outbox_wake(users_of(req)->outbox);
	http_success_begin(json,
			   email ? "Please open the link that was sent to the new address." : "Your account was changed.");
	user_json_of_row(json, rows, 0, true);
	json_write_object_end(json);
	if (email)
		email_link_send(req, http_request_user_id(req), email, sent, json);
	else
		http_reply_buf(req, 200, json);
}

static void sent(struct http_request *req, bool is_made, void *arg)
{
	if (is_made)
		http_reply_buf(req, 202, arg);
	else
		email_link_refuse_more(req);
}

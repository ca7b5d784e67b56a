/* PATCH /users/{id} {active?, admin?, username?, email?}, for admins. Making an admin, activating one and setting an e-mail
 * want a confirmation also of an admin without a factor. Deactivating a user revokes all its tokens. Flow: user_change ->
 * (loaded ->) want -> confirmation.c -> confirmed -> changed -> (published) -> reply. */
#include "service.h"

#include <string.h>

#include "accounts/user_fields.h"
#include "accounts/user_json.h"
#include "accounts/user_of_path.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "revocations/revoke.h"
#include "sessions/authenticate.h"
#include "store/accounts.h"

struct change {
	struct http_request *req;
	struct revoking *revoking; /* NULL: no token is revoked */
	int64_t id;
	const char *active, *admin; /* "true", "false"; NULL: as it is */
	struct buf reply;           /* with the user as it is now */
};

static void change_drop(void *memory);
static bool is_grave(const struct change *change);
static bool activates(const struct change *change);
static void load(struct change *change);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void want(struct change *change, bool is_grave);
static const char *flag_text(const cJSON *json, const char *key, cJSON **errors);
static void confirmed(struct http_request *req, void *arg);
static void changed(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void user_change(struct http_request *req)
{
	struct change *change = http_request_alloc(req, sizeof *change, change_drop);
	cJSON *errors = NULL;
	const cJSON *json;

	change->req = req;
	if (!users_require_admin(req) || !http_request_read_json(req) || !user_of_path(req, &change->id))
		return;
	json = http_request_json(req);
	change->active = flag_text(json, "active", &errors);
	change->admin = flag_text(json, "admin", &errors);
	errors = user_fields_errors(errors, json);
	if (!errors && !change->active && !change->admin && !user_fields_are_given(json))
		errors = http_errors_add(errors, "active", "active, admin, username or email is required");
	if (errors)
		return http_reply_invalid(req, errors);
	if (activates(change) && !is_grave(change))
		load(change);
	else
		want(change, is_grave(change));
}

/* By another admin, or by an e-mail to which a link for a new password is sent, a stolen token would take over the system or
 * the user for good. So it would by activating one who was an admin, which loaded() finds out. Everything else of this legacy
 * call can be undone. */
static bool is_grave(const struct change *change)
{
	return (change->admin && strcmp(change->admin, "true") == 0) || json_has(http_request_json(change->req), "email");
}

static bool activates(const struct change *change)
{
	return change->active && strcmp(change->active, "true") == 0;
}

static void load(struct change *change)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, change->id);
	postgres_exec(users_of(change->req)->postgres, http_request_scope(change->req), &store_user_by_id, &params, loaded,
		      change);
}

/* An admin who is active counts too: otherwise a request that is repeated until another admin deactivates that one could be
 * between this look and that change. */
static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;

	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else if (postgres_count(rows) == 0)
		user_of_path_not_found(change->req);
	else
		want(change, postgres_bool(rows, 0, COLUMN_USER_IS_ADMIN));
}

static void want(struct change *change, bool is_grave)
{
	if (is_grave)
		confirmation_want_header(change->req, confirmed, change);
	else
		confirmation_want_factor(change->req, confirmed, change);
}

static void change_drop(void *memory)
{
	buf_free(&((struct change *)memory)->reply);
}

/* NULL: absent, or wrong and added to the errors. */
static const char *flag_text(const cJSON *json, const char *key, cJSON **errors)
{
	bool flag;

	if (!json_has(json, key))
		return NULL;
	if (json_bool(json, key, &flag) != STATUS_OK) {
		*errors = http_errors_add(*errors, key, "must be true or false");
		return NULL;
	}
	return flag ? "true" : "false";
}

static void confirmed(struct http_request *req, void *arg)
{
	struct change *change = arg;
	struct postgres_params params = {0};

	postgres_param_int(&params, change->id);
	postgres_param_text(&params, change->active);
	postgres_param_text(&params, change->admin);
	postgres_param_int(&params, clock_unix_ms());
	user_fields_params(&params, http_request_json(req));
	postgres_param_text(&params, event_origin(req));
	if (change->active)
		change->revoking = revoke_begin(req, change->id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_change, &params, changed, change);
}

static void refuse_taken(struct change *change)
{
	if (change->revoking)
		revoke_nothing(change->revoking);
	user_fields_refuse_taken(change->req, change->id);
}

static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;

	if (status == STATUS_CONFLICT)
		return refuse_taken(change);
	if (!user_of_path_was_written(change->req, status, rows, change->revoking))
		return;
	outbox_wake(users_of(change->req)->outbox);
	http_success_begin(&change->reply, "The user was changed.");
	user_json_of_row(&change->reply, rows, 0, true);
	json_write_object_end(&change->reply);
	if (change->revoking)
		revoke_user(change->revoking, !postgres_bool(rows, 0, COLUMN_USER_IS_ACTIVE),
			    postgres_int(rows, 0, COLUMN_CHANGED_DEAD_UNTIL_MS), published, change);
	else
		published(STATUS_OK, change);
}

static void published(enum status status, void *arg)
{
	struct change *change = arg;

	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else
		http_reply_buf(change->req, 200, &change->reply);
}

/* PATCH and DELETE /users/{id}, for admins: (de)activate, make admin, delete. The tokens of one who is deactivated or deleted
 * die with it. Flow: user_change -> changed -> (told) -> reply;  user_delete -> deleted -> told -> reply. */
#include "service.h"

#include "base/clock.h"
#include "base/json.h"
#include "store.h"

struct change {
	struct http_request *req;
	struct revoking *revoking;
	int64_t id, now_ms;
	struct buf reply; /* with the user as it is now; empty after a deletion */
};

static void change_drop(void *memory)
{
	buf_free(&((struct change *)memory)->reply);
}

static struct change *change_new(struct http_request *req)
{
	struct change *change = http_request_alloc(req, sizeof *change, change_drop);

	change->req = req;
	change->now_ms = clock_unix_ms();
	return change;
}

static void told(enum status status, void *arg)
{
	struct change *change = arg;

	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else if (change->reply.len)
		http_reply_buf(change->req, 200, &change->reply);
	else
		http_reply_success(change->req, 200, "The user was deleted.", NULL);
}

/* True when there is a row and it was touched; otherwise the request has been answered. */
static bool was_possible(struct change *change, enum status status, const struct postgres_rows *rows)
{
	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else if (postgres_count(rows) == 0)
		http_reply_fail(change->req, 404, "user_not_found", "User does not exist");
	else if (postgres_is_null(rows, 0, STORE_ID))
		http_reply_fail(change->req, 409, "last_admin", "That is the last active admin.");
	else
		return true;
	return false;
}

static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;

	if (!was_possible(change, status, rows))
		return;
	http_success_begin(&change->reply, "The user was changed.");
	store_user_json(&change->reply, rows, 0, true);
	buf_text(&change->reply, "}");
	if (json_has(http_request_json(change->req), "active"))
		revoke_user(change->revoking, !postgres_bool(rows, 0, STORE_ACTIVE), postgres_int(rows, 0, STORE_DEAD_UNTIL_MS),
			    told, change);
	else
		told(STATUS_OK, change);
}

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

void user_change(struct http_request *req)
{
	struct change *change = change_new(req);
	struct postgres_params params = {0};
	const char *active, *admin;
	cJSON *errors = NULL;

	if (!users_require_admin(req) || !http_request_read_json(req) || !user_id_of_path(req, &change->id))
		return;
	active = flag_text(http_request_json(req), "active", &errors);
	admin = flag_text(http_request_json(req), "admin", &errors);
	if (!errors && !active && !admin)
		errors = http_errors_add(errors, "active", "active or admin is required");
	if (errors)
		return http_reply_invalid(req, errors);
	postgres_param_int(&params, change->id);
	postgres_param_text(&params, active);
	postgres_param_text(&params, admin);
	postgres_param_int(&params, change->now_ms);
	change->revoking = revoke_begin(req, change->id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_change, &params, changed, change);
}

static void deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;

	if (was_possible(change, status, rows))
		revoke_user(change->revoking, true, INT64_MAX, told, change);
}

void user_delete(struct http_request *req)
{
	struct change *change = change_new(req);
	struct postgres_params params = {0};

	if (!users_require_admin(req) || !user_id_of_path(req, &change->id))
		return;
	postgres_param_int(&params, change->id);
	postgres_param_int(&params, users_of(req)->config->auth.token_lifetime_s);
	change->revoking = revoke_begin(req, change->id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_delete, &params, deleted, change);
}

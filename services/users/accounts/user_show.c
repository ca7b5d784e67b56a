/* GET /users/{id}: one user.
 * Flow: user_show -> loaded -> reply. */
#include "service.h"

#include "accounts/user_json.h"
#include "accounts/user_of_path.h"
#include "base/json_write.h"
#include "sessions/authenticate.h"
#include "store/accounts.h"

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void user_show(struct http_request *req)
{
	struct postgres_params params = {0};
	int64_t id;

	if (!user_of_path(req, &id))
		return;
	postgres_param_int(&params, id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_by_id, &params, loaded, req);
}

static void add_user(const struct http_request *req, struct buf *json, const struct postgres_rows *rows)
{
	int64_t id = postgres_int(rows, 0, COLUMN_USER_ID);

	if (users_may_see(req, id))
		user_json_of_row(json, rows, 0, false);
	else
		user_json_name(json, id, postgres_text(rows, 0, COLUMN_USER_USERNAME));
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct buf json = {0};

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return user_of_path_not_found(req);
	http_success_begin(&json, NULL);
	add_user(req, &json, rows);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

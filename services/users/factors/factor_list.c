/* GET /auth/factors: the caller's second factors, and where they are asked.
 * Flow: factor_list -> loaded -> reply. */
#include "service.h"

#include "base/json_write.h"
#include "store.h"

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void factor_list(struct http_request *req)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factors_of_user, &params, loaded, req);
}

static void add_factor(struct buf *json, const struct postgres_rows *rows, int row)
{
	bool was_used = !postgres_is_null(rows, row, COLUMN_FACTORS_USED_AT);

	json_write_object(json);
	json_write_member_text(json, "id", postgres_text(rows, row, COLUMN_FACTORS_ID));
	json_write_member_text(json, "method", postgres_text(rows, row, COLUMN_FACTORS_METHOD));
	json_write_member_text(
		json, "name",
		postgres_is_null(rows, row, COLUMN_FACTORS_NAME) ? NULL : postgres_text(rows, row, COLUMN_FACTORS_NAME));
	json_write_member_text(json, "created_at", postgres_text(rows, row, COLUMN_FACTORS_CREATED_AT));
	json_write_member_text(json, "last_used_at", was_used ? postgres_text(rows, row, COLUMN_FACTORS_USED_AT) : NULL);
	json_write_object_end(json);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct buf json = {0};

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_member_text(&json, "asked",
			       postgres_is_null(rows, 0, COLUMN_FACTORS_ASKED) ? "login"
									       : postgres_text(rows, 0, COLUMN_FACTORS_ASKED));
	json_write_member_int(
		&json, "recovery_codes",
		postgres_is_null(rows, 0, COLUMN_FACTORS_ASKED) ? 0 : postgres_int(rows, 0, COLUMN_FACTORS_RECOVERY_CODES));
	json_write_key(&json, "factors");
	json_write_array(&json);
	for (int i = 0; i < postgres_count(rows); i++) {
		if (!postgres_is_null(rows, i, COLUMN_FACTORS_ID))
			add_factor(&json, rows, i);
	}
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

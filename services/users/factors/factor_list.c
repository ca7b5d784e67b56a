/* GET /auth/factors: the caller's second factors, and where they are asked.
 * Flow: factor_list -> loaded -> reply. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "factors/methods.h"
#include "store/factors.h"

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void factor_list(struct http_request *req)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factors_of_user, &params, loaded, req);
}

/* Enough for the owner to know it, and too little for a thief of a token to use it. */
static void add_masked(struct buf *json, const char *recipient)
{
	const char *at = strrchr(recipient, '@');
	size_t len = strlen(recipient);
	char *masked = at ? mem_printf("%.1s…%s", recipient, at) : mem_printf("%.3s…%s", recipient, recipient + len - 2);

	json_write_member_text(json, "recipient", masked);
	free(masked);
}

static void add_recipient(struct buf *json, const struct postgres_rows *rows, int row)
{
	json_write_member_text(json, "channel", postgres_bool(rows, row, COLUMN_FACTORS_IS_BY_SMS) ? "sms" : "email");
	add_masked(json, postgres_text(rows, row, COLUMN_FACTORS_CODES_GO_TO));
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
	if (strcmp(postgres_text(rows, row, COLUMN_FACTORS_METHOD), method_mtan.name) == 0)
		add_recipient(json, rows, row);
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
	json_write_member_bool(&json, "sms", users_of(req)->config->is_sms_offered);
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

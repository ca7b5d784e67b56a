#include "accounts/user_of_path.h"

#include <string.h>

#include "base/int64.h"
#include "http/reply.h"
#include "revocations/revoke.h"
#include "store/statements.h"

static bool is_integer(const char *text)
{
	text += *text == '-';
	return *text && text[strspn(text, "0123456789")] == '\0';
}

bool user_of_path(struct http_request *req, int64_t *ret_id)
{
	const char *text = http_request_param(req, "id");

	if (int64_parse(text, ret_id) == STATUS_OK && *ret_id > 0)
		return true;
	if (is_integer(text))
		user_of_path_not_found(req);
	else
		http_reply_fail(req, 404, "user_id_invalid", "User ID should be an integer");
	return false;
}

static bool is_written(enum status status, const struct postgres_rows *rows)
{
	return status == STATUS_OK && postgres_count(rows) > 0 && !postgres_is_null(rows, 0, COLUMN_USER_ID);
}

bool user_of_path_was_written(struct http_request *req, enum status status, const struct postgres_rows *rows,
			      struct revoking *revoking)
{
	if (is_written(status, rows))
		return true;
	if (revoking && (status == STATUS_OK || status == STATUS_CONFLICT))
		revoke_nothing(revoking);
	if (status != STATUS_OK)
		http_reply_status(req, status);
	else if (postgres_count(rows) == 0)
		user_of_path_not_found(req);
	else
		http_reply_fail(req, 409, "last_admin", "That is the last active admin.");
	return false;
}

void user_of_path_not_found(struct http_request *req)
{
	http_reply_fail(req, 404, "user_not_found", "User does not exist");
}

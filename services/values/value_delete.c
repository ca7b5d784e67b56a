/* DELETE /values/{id}: takes back one of the caller's own submissions, and cancels its calculation if it is pending and
 * no other submission waits for it.
 * Flow: value_delete -> deleted -> reply. */
#include "service.h"

#include "base/int64.h"
#include "cancellations.h"
#include "store.h"

static void deleted(enum status status, const struct postgres_rows *rows, void *arg);

static void reply_unknown(struct http_request *req)
{
	http_reply_fail(req, 404, "not_found", "You have no such value.");
}

void value_delete(struct http_request *req)
{
	struct postgres_params params = {0};
	int64_t id;

	if (int64_parse(http_request_param(req, "id"), &id) != STATUS_OK)
		return reply_unknown(req);
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_int(&params, id);
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_value_delete, &params, deleted, req);
}

static void deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return reply_unknown(req);
	cancellations_add(values_of(req), rows);
	http_reply_success(req, 200, "The value was deleted.", NULL);
}

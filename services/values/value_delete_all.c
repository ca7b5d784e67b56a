/* DELETE /values: takes back all of the caller's own submissions, some hundred at a time, so that the statements of others do
 * not wait for a user with a million. Flow: value_delete_all -> delete_some -> some_deleted -> (delete_some …) -> reply. */
#include "service.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "cancellations.h"
#include "store.h"

#define BATCH_ROWS 500
#define LIMIT_US 4000000 /* well within the deadline of a request */

struct deletion {
	struct http_request *req;
	int64_t began_us, deleted;
};

static void delete_some(struct deletion *deletion);
static void some_deleted(enum status status, const struct postgres_rows *rows, void *arg);
static void reply(const struct deletion *deletion, bool is_complete);

void value_delete_all(struct http_request *req)
{
	struct deletion *deletion = http_request_alloc(req, sizeof *deletion, NULL);

	deletion->req = req;
	deletion->began_us = clock_monotonic_us();
	delete_some(deletion);
}

static void delete_some(struct deletion *deletion)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(deletion->req));
	postgres_param_int(&params, BATCH_ROWS);
	postgres_exec(values_of(deletion->req)->postgres, http_request_scope(deletion->req), &store_values_delete_of_user,
		      &params, some_deleted, deletion);
}

/* Until none is found, because another request of this user may be deleting the same ones. */
static void some_deleted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct deletion *deletion = arg;

	if (status != STATUS_OK)
		return http_reply_status(deletion->req, status);
	cancellations_add(values_of(deletion->req), rows);
	deletion->deleted += postgres_count(rows);
	if (postgres_count(rows) == 0)
		reply(deletion, true);
	else if (clock_monotonic_us() - deletion->began_us > LIMIT_US)
		reply(deletion, false);
	else
		delete_some(deletion);
}

static void reply(const struct deletion *deletion, bool is_complete)
{
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_member_int(&json, "deleted", deletion->deleted);
	json_write_member_bool(&json, "more", !is_complete);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(deletion->req, 200, &json);
}

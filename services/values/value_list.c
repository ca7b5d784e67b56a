/* GET /values: the caller's own submissions, newest first.
 * Flow: value_list -> loaded -> (something is pending: completed ->) reply. */
#include "service.h"

#include "base/clock.h"
#include "base/int64.h"
#include "base/json_write.h"
#include "http/page.h"
#include "results.h"
#include "store.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

struct value {
	int64_t id, submitted_unix_ms;
};

struct listing {
	struct http_request *req;
	struct http_page page;
	int count;
	struct value values[PAGE_MAX];
	struct job_result results[PAGE_MAX];
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void completed(enum status status, void *arg);
static void reply(struct listing *listing);
static void add_value(struct buf *json, const struct value *value, const struct job_result *result);

void value_list(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_int(&params, listing->page.after ? listing->page.after : INT64_MAX);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_values_of_user, &params, loaded, listing);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	listing->count = http_page_trim(&listing->page, postgres_count(rows));
	for (int i = 0; i < listing->count; i++) {
		if (!store_calculation_read(rows, i, &listing->results[i]))
			return http_reply_status(listing->req, STATUS_INTERNAL);
		listing->values[i] = (struct value){postgres_int(rows, i, COLUMN_VALUE_ID),
						    postgres_int(rows, i, COLUMN_VALUE_SUBMITTED_UNIX_MS)};
	}
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, listing->values[listing->count - 1].id);
	if (results_are_complete(listing->results, listing->count))
		reply(listing);
	else
		results_complete(listing->req, listing->results, listing->count, completed, listing);
}

/* While Redis is away, the list shows what Postgres has. */
static void completed(enum status status, void *arg)
{
	reply(arg);
}

static void reply(struct listing *listing)
{
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "values");
	json_write_array(&json);
	for (int i = 0; i < listing->count; i++)
		add_value(&json, &listing->values[i], &listing->results[i]);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(listing->req, 200, &json);
}

static void add_time(struct buf *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];

	clock_format(unix_ms, text);
	json_write_member_text(json, name, text);
}

static void add_result(struct buf *json, const struct job_result *result)
{
	if (result->state == JOB_DONE) {
		json_write_member_int(json, "digits", result->digits);
		json_write_member_plain(json, "preview", result->preview, result->preview_len);
		json_write_member_int(json, "duration_us", result->duration_us);
		add_time(json, "calculated_at", result->calculated_unix_ms);
	} else {
		json_write_member_null(json, "digits");
		json_write_member_null(json, "preview");
		json_write_member_null(json, "duration_us");
		json_write_member_null(json, "calculated_at");
	}
}

static void add_value(struct buf *json, const struct value *value, const struct job_result *result)
{
	static const char *const state_names[] = {
		[JOB_ABSENT] = "pending", [JOB_PENDING] = "pending", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};
	char id[INT64_TEXT_BYTES];

	int64_format(value->id, id);
	json_write_object(json);
	json_write_member_text(json, "id", id);
	json_write_member_text(json, "kind", kind_name(result->key.kind));
	json_write_member_int(json, "index", result->key.index);
	json_write_member_text(json, "state", state_names[result->state]);
	add_time(json, "submitted_at", value->submitted_unix_ms);
	add_result(json, result);
	json_write_object_end(json);
}

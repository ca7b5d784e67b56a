/* GET /values: the caller's own submissions, newest first or in another order, all or those that match the filters.
 * Flow: value_list -> loaded -> (something is pending: completed ->) reply. */
#include "service.h"

#include "base/clock.h"
#include "base/int64.h"
#include "base/json_write.h"
#include "results.h"
#include "store.h"
#include "value_filter.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

struct value {
	int64_t id, submitted_unix_ms;
};

struct listing {
	struct http_request *req;
	struct value_filter filter;
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
	const struct postgres_statement *statement;
	struct postgres_params params = {0};
	struct buf kinds = {0};

	listing->req = req;
	if (!value_filter_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->filter, &listing->page))
		return;
	statement = value_filter_statement(&listing->filter, http_request_user_id(req), &listing->page, &params, &kinds);
	postgres_exec(values_of(req)->postgres, http_request_scope(req), statement, &params, loaded, listing);
	buf_free(&kinds);
}

/* Where nothing was found, a statement with filters answers one row without a value, which says up to where it looked. */
static int count_values(const struct listing *listing, const struct postgres_rows *rows)
{
	bool is_none = !value_filter_is_everything(&listing->filter) && postgres_count(rows) == 1 &&
		       postgres_is_null(rows, 0, COLUMN_VALUE_ID);

	return is_none ? 0 : postgres_count(rows);
}

/* The next page begins behind the last value; or, where too few were found, behind all that was looked at. */
static void link_next(struct listing *listing, const struct postgres_rows *rows)
{
	int last = listing->count - 1;
	bool has_edge = !value_filter_is_everything(&listing->filter) && postgres_count(rows) > 0 &&
			!postgres_is_null(rows, 0, COLUMN_FOUND_EDGE_ID);

	if (listing->page.has_next)
		value_filter_link_next(listing->req, &listing->filter, &listing->page, listing->results[last].key.index,
				       listing->values[last].id);
	else if (has_edge)
		value_filter_link_next(listing->req, &listing->filter, &listing->page,
				       postgres_int(rows, 0, COLUMN_FOUND_EDGE_INDEX),
				       postgres_int(rows, 0, COLUMN_FOUND_EDGE_ID));
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	listing->count = http_page_trim(&listing->page, count_values(listing, rows));
	for (int i = 0; i < listing->count; i++) {
		if (!store_calculation_read(rows, i, &listing->results[i]))
			return http_reply_status(listing->req, STATUS_INTERNAL);
		listing->values[i] = (struct value){postgres_int(rows, i, COLUMN_VALUE_ID),
						    postgres_int(rows, i, COLUMN_VALUE_SUBMITTED_UNIX_MS)};
	}
	link_next(listing, rows);
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
		if (value_filter_matches(&listing->filter, listing->results[i].state))
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

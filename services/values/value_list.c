/* GET /values: the caller's own submissions, newest first. GET /values/all: everybody's, as the older client reads them.
 * Flow: value_list -> listed -> looked_up -> reply;  value_list_all -> all_listed -> reply. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/page.h"
#include "store.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 200
#define ALL_DEFAULT 10000
#define ALL_MAX 10000

struct value {
	int64_t id, submitted_unix_ms;
};

struct listing {
	struct http_request *req;
	struct http_page page;
	int count;
	struct value values[PAGE_MAX];
	struct job_key keys[PAGE_MAX];
};

static const char *const state_names[] = {
	[JOB_ABSENT] = "pending", [JOB_PENDING] = "pending", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};

static void add_time(struct buf *json, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];

	clock_format(unix_ms, text);
	buf_json_text(json, text);
}

static void add_value(struct buf *json, const struct value *value, const struct job_result *result)
{
	buf_printf(json,
		   "{\"id\":\"%lld\",\"kind\":\"%s\",\"index\":%lld,\"state\":\"%s\",\"submitted_at\":", (long long)value->id,
		   kind_name(result->key.kind), (long long)result->key.index, state_names[result->state]);
	add_time(json, value->submitted_unix_ms);
	if (result->state == JOB_DONE) {
		buf_printf(json, ",\"digits\":%lld,\"preview\":\"%.*s\",\"duration_us\":%lld,\"calculated_at\":",
			   (long long)result->digits, (int)result->preview_len, result->preview,
			   (long long)result->duration_us);
		add_time(json, result->calculated_unix_ms);
		buf_text(json, "}");
	} else {
		buf_text(json, ",\"digits\":null,\"preview\":null,\"duration_us\":null,\"calculated_at\":null}");
	}
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct listing *listing = arg;
	struct job_key absent[PAGE_MAX];
	struct buf json = {0};
	int absent_count = 0;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	buf_text(&json, "{\"status\":\"success\",\"data\":{\"values\":[");
	for (int i = 0; i < n; i++) {
		if (i)
			buf_text(&json, ",");
		add_value(&json, &listing->values[i], &results[i]);
		if (results[i].state == JOB_ABSENT)
			absent[absent_count++] = results[i].key;
	}
	buf_text(&json, "]}}");
	repair_now(values_of(listing->req)->repair, absent, absent_count);
	http_reply_buf(listing->req, 200, &json);
}

static void listed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	listing->count = http_page_trim(&listing->page, postgres_count(rows));
	for (int i = 0; i < listing->count; i++) {
		if (kind_parse(postgres_text(rows, i, 1), &listing->keys[i].kind) < 0)
			return http_reply_status(listing->req, STATUS_INTERNAL);
		listing->keys[i].index = postgres_int(rows, i, 2);
		listing->values[i] = (struct value){postgres_int(rows, i, 0), postgres_int(rows, i, 3)};
	}
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, listing->values[listing->count - 1].id);
	jobs_look_up(values_of(listing->req)->redis, http_request_scope(listing->req), listing->keys, listing->count, looked_up,
		     listing);
}

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
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_values_of_user, &params, listed, listing);
}

struct all_listing {
	struct http_request *req;
	struct http_page page;
};

static void all_listed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct all_listing *listing = arg;
	struct buf json = {0};
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, postgres_int(rows, count - 1, 0));
	buf_text(&json, "[");
	for (int i = 0; i < count; i++) {
		buf_text(&json, i ? ",{\"number\":" : "{\"number\":");
		buf_text(&json, postgres_text(rows, i, 1));
		buf_text(&json, "}");
	}
	buf_text(&json, "]");
	http_reply_buf(listing->req, 200, &json);
}

void value_list_all(struct http_request *req)
{
	struct all_listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, ALL_DEFAULT, ALL_MAX, &listing->page))
		return;
	postgres_param_int(&params, listing->page.after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_values_all, &params, all_listed, listing);
}

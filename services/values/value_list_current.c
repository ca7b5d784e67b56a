/* GET /values/current: {"7":"21","90":"Nothing yet!"}, one member for each index that was ever submitted. Only of the kind
 * fibonacci, because the legacy client knows no other.
 * Flow: value_list_current -> loaded -> reply if all previews are kept, else page_loaded -> (something is pending: completed
 * ->) reply. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json_write.h"
#include "http/page.h"
#include "previews.h"
#include "results.h"
#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000 /* no more than RESULTS_MAX */
#define NOT_YET "Nothing yet!"

struct listing {
	struct http_request *req;
	struct http_page page;
	int64_t after;
	int count;
	struct job_result *results; /* NULL unless a preview is not kept */
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static bool reply_from_previews(struct listing *listing, const struct job_key *keys, int n);
static void load_page(struct listing *listing);
static void page_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void completed(enum status status, void *arg);
static void reply(struct listing *listing);
static void add_entry(struct buf *json, int64_t index, const char *text, size_t len);

void value_list_current(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	listing->after = http_request_query(req, "after") ? listing->page.after : -1; /* 0 is an index too */
	postgres_param_text(&params, kind_name(KIND_FIBONACCI));
	postgres_param_int(&params, listing->after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculations_of, &params, loaded, listing);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct job_key keys[PAGE_MAX];
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	for (int i = 0; i < count; i++)
		keys[i] = (struct job_key){KIND_FIBONACCI, postgres_int(rows, i, COLUMN_OF_KIND_INDEX)};
	if (!reply_from_previews(listing, keys, count))
		load_page(listing);
}

static void link_next(struct listing *listing, int64_t last)
{
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, last);
}

/* False when one of the previews is not kept; the request has then not been answered. */
static bool reply_from_previews(struct listing *listing, const struct job_key *keys, int n)
{
	struct http_request *req = listing->req;
	struct buf json = {0};

	json_write_object(&json);
	for (int i = 0; i < n; i++) {
		const struct job_result *known = previews_find(values_of(req)->previews, keys[i]);

		if (!known) {
			buf_free(&json);
			return false;
		}
		add_entry(&json, keys[i].index, known->preview, known->preview_len);
	}
	json_write_object_end(&json);
	if (n)
		link_next(listing, keys[n - 1].index);
	http_reply_buf(req, 200, &json);
	return true;
}

static void load_page(struct listing *listing)
{
	struct http_request *req = listing->req;
	struct postgres_params params = {0};

	listing->results = http_request_alloc(req, PAGE_MAX * sizeof *listing->results, NULL);
	postgres_param_text(&params, kind_name(KIND_FIBONACCI));
	postgres_param_int(&params, listing->after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculations_page, &params, page_loaded,
		      listing);
}

static void page_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	listing->count = http_page_trim(&listing->page, postgres_count(rows));
	for (int i = 0; i < listing->count; i++) {
		if (!store_calculation_read(rows, i, &listing->results[i]))
			return http_reply_status(listing->req, STATUS_INTERNAL);
		if (listing->results[i].state == JOB_DONE)
			previews_keep(values_of(listing->req)->previews, &listing->results[i]);
	}
	if (listing->count)
		link_next(listing, listing->results[listing->count - 1].key.index);
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

	json_write_object(&json);
	for (int i = 0; i < listing->count; i++) {
		const struct job_result *result = &listing->results[i];

		if (result->state == JOB_DONE)
			add_entry(&json, result->key.index, result->preview, result->preview_len);
		else
			add_entry(&json, result->key.index, NOT_YET, strlen(NOT_YET));
	}
	json_write_object_end(&json);
	http_reply_buf(listing->req, 200, &json);
}

static void add_entry(struct buf *json, int64_t index, const char *text, size_t len)
{
	char name[INT64_TEXT_BYTES];

	int64_format(index, name);
	json_write_member_plain(json, name, text, len);
}

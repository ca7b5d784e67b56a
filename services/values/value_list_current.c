/* GET /values/current: {"7":"21","90":"Nothing yet!"}, one member for each index that was ever submitted. Only of the kind
 * fibonacci, because the legacy client knows no other.
 * Flow: value_list_current -> loaded -> (all previews are kept: reply), or looked_up -> reply. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json_write.h"
#include "http/page.h"
#include "previews.h"
#include "repair.h"
#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000
#define NOT_YET "Nothing yet!"

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static bool reply_from_previews(struct http_request *req, const struct job_key *keys, int n);
static void looked_up(enum status status, const struct job_result *results, int n, void *arg);
static void add_entry(struct buf *json, int64_t index, const char *text, size_t len);

void value_list_current(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_text(&params, kind_name(KIND_FIBONACCI));
	postgres_param_int(&params, http_request_query(req, "after") ? listing->page.after : -1); /* 0 is an index too */
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculations_of, &params, loaded, listing);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct http_request *req = listing->req;
	struct job_key keys[PAGE_MAX];
	int count;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(req, &listing->page, postgres_int(rows, count - 1, COLUMN_OF_KIND_INDEX));
	for (int i = 0; i < count; i++)
		keys[i] = (struct job_key){KIND_FIBONACCI, postgres_int(rows, i, COLUMN_OF_KIND_INDEX)};
	if (!reply_from_previews(req, keys, count))
		jobs_look_up(values_of(req)->redis, http_request_scope(req), keys, count, looked_up, req);
}

/* False when one of the previews is not kept; the request has then not been answered. */
static bool reply_from_previews(struct http_request *req, const struct job_key *keys, int n)
{
	struct buf json = {0};

	json_write_object(&json);
	for (int i = 0; i < n; i++) {
		size_t len;
		const char *preview = previews_find(values_of(req)->previews, keys[i], &len);

		if (!preview) {
			buf_free(&json);
			return false;
		}
		add_entry(&json, keys[i].index, preview, len);
	}
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
	return true;
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct http_request *req = arg;
	struct values *values = values_of(req);
	struct job_key absent[JOBS_BATCH_MAX];
	struct buf json = {0};
	int absent_count = 0;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	json_write_object(&json);
	for (int i = 0; i < n; i++) {
		if (results[i].state == JOB_DONE) {
			previews_keep(values->previews, &results[i]);
			add_entry(&json, results[i].key.index, results[i].preview, results[i].preview_len);
		} else {
			add_entry(&json, results[i].key.index, NOT_YET, strlen(NOT_YET));
		}
		if (results[i].state == JOB_ABSENT && absent_count < JOBS_BATCH_MAX)
			absent[absent_count++] = results[i].key;
	}
	json_write_object_end(&json);
	repair_now(values->repair, absent, absent_count);
	http_reply_buf(req, 200, &json);
}

static void add_entry(struct buf *json, int64_t index, const char *text, size_t len)
{
	char name[INT64_TEXT_BYTES];

	int64_format(index, name);
	json_write_member_plain(json, name, text, len);
}

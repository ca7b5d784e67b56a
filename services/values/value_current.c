/* GET /values/current: {"7":"21","90":"Nothing yet!"}, one entry for each distinct index. The older client knows one kind, so
 * this is of kind fibonacci alone. Flow: value_list_current -> listed -> looked_up -> reply. */
#include "service.h"

#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000

struct listing {
	struct http_request *req;
	struct http_page page;
	int count;
	struct job_key keys[PAGE_MAX];
};

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct listing *listing = arg;
	struct job_key absent[JOBS_BATCH_MAX];
	struct buf json = {0};
	int absent_count = 0;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	buf_text(&json, "{");
	for (int i = 0; i < n; i++) {
		buf_text(&json, i ? ",\"" : "\"");
		buf_int(&json, results[i].key.index);
		buf_text(&json, "\":\"");
		if (results[i].state == JOB_DONE)
			buf_add(&json, results[i].preview, results[i].preview_len);
		else
			buf_text(&json, "Nothing yet!");
		buf_text(&json, "\"");
		if (results[i].state == JOB_ABSENT && absent_count < JOBS_BATCH_MAX)
			absent[absent_count++] = results[i].key;
	}
	buf_text(&json, "}");
	repair_now(values_of(listing->req)->repair, absent, absent_count);
	http_reply_buf(listing->req, 200, &json);
}

static void listed(enum status status, const struct db_rows *rows, void *arg)
{
	struct listing *listing = arg;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	for (int i = 0; i < db_count(rows) && i < listing->page.limit; i++)
		listing->keys[listing->count++] = (struct job_key){KIND_FIBONACCI, db_int(rows, i, 0)};
	if (db_count(rows) > listing->page.limit)
		http_reply_next_page(listing->req, &listing->page, listing->keys[listing->count - 1].index);
	jobs_look_up(values_of(listing->req)->redis, http_request_scope(listing->req), listing->keys, listing->count, looked_up,
		     listing);
}

void value_list_current(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct db_params params = {0};

	listing->req = req;
	if (!http_request_page(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	db_param_text(&params, kind_name(KIND_FIBONACCI));
	db_param_int(&params, http_request_query(req, "after") ? listing->page.after : -1);
	db_param_int(&params, listing->page.limit + 1);
	db_exec(values_of(req)->db, http_request_scope(req), &store_calculations_of, &params, listed, listing);
}

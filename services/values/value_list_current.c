/* GET /values/current: {"7":"21","90":"Nothing yet!"}, one entry for each distinct index. The older client knows one kind, so
 * this is of kind fibonacci alone.
 * Flow: value_list_current -> listed -> (all previews known: reply), or looked_up -> reply. */
#include "service.h"

#include <string.h>

#include "http/page.h"
#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000
#define NOT_YET "Nothing yet!"

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void add_entry(struct buf *json, int64_t index, const char *text, size_t len)
{
	buf_text(json, json->len ? ",\"" : "{\"");
	buf_int(json, index);
	buf_text(json, "\":\"");
	buf_add(json, text, len);
	buf_text(json, "\"");
}

static void reply(struct http_request *req, struct buf *json)
{
	buf_text(json, json->len ? "}" : "{}");
	http_reply_buf(req, 200, json);
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
	repair_now(values->repair, absent, absent_count);
	reply(req, &json);
}

/* False when one is not known; json is then empty. */
static bool add_known(struct previews *previews, const struct job_key *keys, int n, struct buf *json)
{
	for (int i = 0; i < n; i++) {
		size_t len;
		const char *preview = previews_find(previews, keys[i], &len);

		if (!preview) {
			buf_free(json);
			return false;
		}
		add_entry(json, keys[i].index, preview, len);
	}
	return true;
}

static void listed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct http_request *req = listing->req;
	struct values *values = values_of(req);
	struct job_key keys[PAGE_MAX];
	struct buf json = {0};
	int count;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(req, &listing->page, postgres_int(rows, count - 1, 0));
	for (int i = 0; i < count; i++)
		keys[i] = (struct job_key){KIND_FIBONACCI, postgres_int(rows, i, 0)};
	if (add_known(values->previews, keys, count, &json))
		reply(req, &json);
	else
		jobs_look_up(values->redis, http_request_scope(req), keys, count, looked_up, req);
}

void value_list_current(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_text(&params, kind_name(KIND_FIBONACCI));
	postgres_param_int(&params, http_request_query(req, "after") ? listing->page.after : -1);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculations_of, &params, listed, listing);
}

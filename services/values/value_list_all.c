/* GET /values/all: the indexes that all users submitted, as the legacy client reads them: [{"number":7},{"number":7}].
 * Flow: value_list_all -> loaded -> reply. */
#include "service.h"

#include "base/json_write.h"
#include "http/page.h"
#include "store.h"

#define PAGE_DEFAULT 10000
#define PAGE_MAX 10000

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void value_list_all(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_int(&params, listing->page.after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_values_all, &params, loaded, listing);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct buf json = {0};
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, postgres_int(rows, count - 1, COLUMN_ALL_ID));
	json_write_array(&json);
	for (int i = 0; i < count; i++) {
		json_write_object(&json);
		json_write_member_int(&json, "number", postgres_int(rows, i, COLUMN_ALL_INDEX));
		json_write_object_end(&json);
	}
	json_write_array_end(&json);
	http_reply_buf(listing->req, 200, &json);
}

/* GET /users: a page of all users, by id; with ?query=, for admins, of those who have it in their name or e-mail.
 * Flow: user_list -> loaded -> reply. */
#include "service.h"

#include <string.h>

#include "accounts/user_json.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "http/page.h"
#include "sessions/authenticate.h"
#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000
#define QUERY_BYTES_MAX 512 /* no name is longer */

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

/* False: the request has been answered. A search by e-mail would show others which addresses there are, letter by letter. */
static bool read_query(struct http_request *req, struct http_page *page)
{
	page->query = http_request_query(req, "query");
	if (!page->query)
		return true;
	if (!users_require_admin(req))
		return false;
	if (*page->query && strlen(page->query) <= QUERY_BYTES_MAX && utf8_is_valid(page->query, strlen(page->query)))
		return true;
	http_reply_invalid(req, http_errors_add(NULL, "query", "must have 1 to 512 bytes of UTF-8"));
	return false;
}

void user_list(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page) || !read_query(req, &listing->page))
		return;
	postgres_param_int(&params, listing->page.after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	if (listing->page.query)
		postgres_param_text(&params, listing->page.query);
	postgres_exec(users_of(req)->postgres, http_request_scope(req),
		      listing->page.query ? &store_users_search : &store_users_page, &params, loaded, listing);
}

static void add_user(const struct http_request *req, struct buf *json, const struct postgres_rows *rows, int row)
{
	int64_t id = postgres_int(rows, row, COLUMN_USER_ID);

	if (users_may_see(req, id))
		user_json_of_row(json, rows, row, true);
	else
		user_json_name(json, id, postgres_text(rows, row, COLUMN_USER_USERNAME));
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
		http_page_link_next(listing->req, &listing->page, postgres_int(rows, count - 1, COLUMN_USER_ID));
	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "users");
	json_write_array(&json);
	for (int i = 0; i < count; i++)
		add_user(listing->req, &json, rows, i);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(listing->req, 200, &json);
}

/* GET /users: a page of all users, by id; for admins also of those that a filter finds, and in another order.
 * Flow: user_list -> loaded -> reply. */
#include "service.h"

#include "accounts/user_filter.h"
#include "accounts/user_json.h"
#include "base/json_write.h"
#include "http/page.h"
#include "sessions/authenticate.h"
#include "store/accounts.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000

struct listing {
	struct http_request *req;
	struct http_page page;
	struct user_filter filter;
	bool is_filtered;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

static const struct postgres_statement *page_statement(const struct http_page *page, struct postgres_params *params)
{
	postgres_param_int(params, page->after);
	postgres_param_int(params, http_page_rows(page));
	return &store_users_page;
}

/* A search by e-mail, or an order by it, would show others which addresses there are, letter by letter. */
static bool read_page(struct http_request *req, struct listing *listing)
{
	listing->is_filtered = user_filter_is_given(req);
	if (!listing->is_filtered)
		return http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page);
	return users_require_admin(req) && user_filter_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->filter, &listing->page);
}

void user_list(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};
	const struct postgres_statement *statement;

	listing->req = req;
	if (!read_page(req, listing))
		return;
	statement = listing->is_filtered ? user_filter_statement(&listing->filter, &listing->page, &params)
					 : page_statement(&listing->page, &params);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), statement, &params, loaded, listing);
}

static void add_user(const struct http_request *req, struct buf *json, const struct postgres_rows *rows, int row)
{
	int64_t id = postgres_int(rows, row, COLUMN_USER_ID);

	if (users_may_see(req, id))
		user_json_of_row(json, rows, row, true);
	else
		user_json_name(json, id, postgres_text(rows, row, COLUMN_USER_USERNAME));
}

/* How many of the rows are users. */
static int count_of(const struct listing *listing, const struct postgres_rows *rows)
{
	int count = postgres_count(rows);

	return count == 1 && postgres_is_null(rows, 0, COLUMN_USER_ID) ? 0 : count;
}

/* A filtered page may be followed by another one although it is not full, because each looks at a bounded number of users. */
static void link_next(struct listing *listing, const struct postgres_rows *rows, int count)
{
	const struct user_filter *filter = &listing->filter;
	int64_t last = listing->page.has_next ? postgres_int(rows, count - 1, COLUMN_USER_ID) : 0;

	if (!listing->is_filtered && listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, last);
	else if (listing->page.has_next)
		user_filter_link_next(listing->req, filter, &listing->page, last);
	else if (listing->is_filtered && postgres_count(rows) > 0 && !postgres_is_null(rows, 0, COLUMN_FOUND_EDGE))
		user_filter_link_next(listing->req, filter, &listing->page, postgres_int(rows, 0, COLUMN_FOUND_EDGE));
}

/* In an order by a text the page begins behind a user who may be gone meanwhile, and with that user the place. */
static bool has_no_place(const struct listing *listing, const struct postgres_rows *rows)
{
	return listing->is_filtered && !postgres_bool(rows, 0, COLUMN_FOUND_BEGINS);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct buf json = {0};
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	if (has_no_place(listing, rows))
		return http_reply_invalid(listing->req,
					  http_errors_add(NULL, "after", "must be the id of a user; begin again"));
	count = http_page_trim(&listing->page, count_of(listing, rows));
	link_next(listing, rows, count);
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

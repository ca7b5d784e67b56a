/* GET /auth/events: what happened to the caller's account, and what the caller did to others, the last first.
 * GET /users/{id}/events, for admins: the same of any user, also of one who was deleted.
 * Flow: event_list | event_list_of_user -> list -> loaded -> reply. */
#include "service.h"

#include "accounts/user_of_path.h"
#include "base/json_write.h"
#include "http/page.h"
#include "sessions/authenticate.h"
#include "store/events.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void list(struct http_request *req, int64_t user_id);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void event_list(struct http_request *req)
{
	list(req, http_request_user_id(req));
}

void event_list_of_user(struct http_request *req)
{
	int64_t user_id;

	if (users_require_admin(req) && user_of_path(req, &user_id))
		list(req, user_id);
}

static void list(struct http_request *req, int64_t user_id)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_int(&params, user_id);
	postgres_param_int(&params, listing->page.after > 0 ? listing->page.after : INT64_MAX);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_events_of_user, &params, loaded, listing);
}

static void add_id(struct buf *json, const char *name, const struct postgres_rows *rows, int row, int column)
{
	if (postgres_is_null(rows, row, column))
		json_write_member_null(json, name);
	else
		json_write_member_int(json, name, postgres_int(rows, row, column));
}

/* "": not known, or not for the caller */
static void add_text(struct buf *json, const char *name, const char *text, bool is_shown)
{
	json_write_member_text(json, name, is_shown && *text ? text : NULL);
}

/* From where an admin changed a user is for admins, and not for that user. */
static bool shows_origin(const struct http_request *req, const struct postgres_rows *rows, int row)
{
	return users_caller(req)->is_admin || postgres_is_null(rows, row, COLUMN_EVENTS_ACTOR_ID) ||
	       postgres_int(rows, row, COLUMN_EVENTS_ACTOR_ID) == http_request_user_id(req);
}

static void add_event(const struct http_request *req, struct buf *json, const struct postgres_rows *rows, int row)
{
	bool is_shown = shows_origin(req, rows, row);

	json_write_object(json);
	json_write_member_int(json, "id", postgres_int(rows, row, COLUMN_EVENTS_ID));
	json_write_member_text(json, "event", postgres_text(rows, row, COLUMN_EVENTS_EVENT));
	json_write_member_text(json, "at", postgres_text(rows, row, COLUMN_EVENTS_AT));
	json_write_member_int(json, "user", postgres_int(rows, row, COLUMN_EVENTS_USER_ID));
	add_id(json, "actor", rows, row, COLUMN_EVENTS_ACTOR_ID);
	add_text(json, "session", postgres_text(rows, row, COLUMN_EVENTS_SESSION_ID), is_shown);
	add_text(json, "network", postgres_text(rows, row, COLUMN_EVENTS_NETWORK), is_shown);
	add_text(json, "user_agent", postgres_text(rows, row, COLUMN_EVENTS_USER_AGENT), is_shown);
	add_text(json, "request_id", postgres_text(rows, row, COLUMN_EVENTS_REQUEST_ID), is_shown);
	json_write_member_int(json, "count", postgres_int(rows, row, COLUMN_EVENTS_COUNT));
	json_write_member_text(json, "last_at", postgres_text(rows, row, COLUMN_EVENTS_LAST_AT));
	json_write_object_end(json);
}

static void reply(struct listing *listing, const struct postgres_rows *rows, int count)
{
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "events");
	json_write_array(&json);
	for (int i = 0; i < count; i++)
		add_event(listing->req, &json, rows, i);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(listing->req, 200, &json);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	bool is_empty;
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	is_empty = postgres_is_null(rows, 0, COLUMN_EVENTS_ID);
	if (is_empty && !postgres_bool(rows, 0, COLUMN_EVENTS_USER_EXISTS))
		return user_of_path_not_found(listing->req);
	count = http_page_trim(&listing->page, is_empty ? 0 : postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, postgres_int(rows, count - 1, COLUMN_EVENTS_ID));
	reply(listing, rows, count);
}

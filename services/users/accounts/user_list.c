/* GET /users, GET /users/{id}, GET /auth/status and GET /api/user: reading users. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json.h"
#include "http/page.h"
#include "store.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000

void user_status(struct http_request *req)
{
	const struct caller *caller = users_caller(req);
	cJSON *user = cJSON_CreateObject();

	cJSON_AddNumberToObject(user, "id", (double)caller->claims.user_id);
	cJSON_AddStringToObject(user, "username", caller->username);
	cJSON_AddStringToObject(user, "email", caller->email);
	cJSON_AddBoolToObject(user, "active", caller->is_active);
	cJSON_AddBoolToObject(user, "admin", caller->is_admin);
	http_reply_success(req, 200, NULL, user);
}

static void shown(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	struct buf json = {0};

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return http_reply_fail(req, 404, "user_not_found", "User does not exist");
	http_success_begin(&json, NULL);
	store_user_json(&json, rows, 0, false);
	buf_text(&json, "}");
	http_reply_buf(req, 200, &json);
}

static bool is_integer(const char *text)
{
	text += *text == '-';
	return *text && text[strspn(text, "0123456789")] == '\0';
}

bool user_id_of_path(struct http_request *req, int64_t *ret_id)
{
	const char *text = http_request_param(req, "id");

	if (int64_parse(text, ret_id) == STATUS_OK && *ret_id > 0)
		return true;
	if (is_integer(text))
		http_reply_fail(req, 404, "user_not_found", "User does not exist");
	else
		http_reply_fail(req, 404, "user_id_invalid", "User ID should be an integer");
	return false;
}

void user_show(struct http_request *req)
{
	struct postgres_params params = {0};
	int64_t id;

	if (!user_id_of_path(req, &id))
		return;
	postgres_param_int(&params, id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_by_id, &params, shown, req);
}

struct listing {
	struct http_request *req;
	struct http_page page;
};

static void listed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct listing *listing = arg;
	struct buf json = {0};
	int count;

	if (status != STATUS_OK)
		return http_reply_status(listing->req, status);
	count = http_page_trim(&listing->page, postgres_count(rows));
	if (listing->page.has_next)
		http_page_link_next(listing->req, &listing->page, postgres_int(rows, count - 1, STORE_ID));
	http_success_begin(&json, NULL);
	buf_text(&json, "{\"users\":[");
	for (int i = 0; i < count; i++) {
		buf_text(&json, i ? "," : "");
		store_user_json(&json, rows, i, true);
	}
	buf_text(&json, "]}}");
	http_reply_buf(listing->req, 200, &json);
}

void user_list(struct http_request *req)
{
	struct listing *listing = http_request_alloc(req, sizeof *listing, NULL);
	struct postgres_params params = {0};

	listing->req = req;
	if (!http_page_read(req, PAGE_DEFAULT, PAGE_MAX, &listing->page))
		return;
	postgres_param_int(&params, listing->page.after);
	postgres_param_int(&params, http_page_rows(&listing->page));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_users_page, &params, listed, listing);
}

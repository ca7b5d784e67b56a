#include "user_filter.h"

#include <string.h>

#include "base/int64.h"
#include "base/utf8.h"
#include "http/reply.h"
#include "net/url.h"
#include "store/accounts.h"

#define TEXT_BYTES_MAX 512 /* no name is longer */

static const char *const names[] = {"query", "active", "admin", "sort", "order"};

static const struct {
	const char *name;
	const struct postgres_statement *ascending, *descending;
} sorts[] = {
	[SORT_ID] = {"id", &store_users_found_by_id, &store_users_found_by_id_descending},
	[SORT_USERNAME] = {"username", &store_users_found_by_username, &store_users_found_by_username_descending},
	[SORT_EMAIL] = {"email", &store_users_found_by_email, &store_users_found_by_email_descending},
};

/* ---- reading ---- */

bool user_filter_is_given(struct http_request *req)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (http_request_query(req, names[i]))
			return true;
	return false;
}

static bool is_text(const char *text)
{
	return !text || (*text && strlen(text) <= TEXT_BYTES_MAX && utf8_is_valid(text, strlen(text)));
}

static bool is_flag(const char *text)
{
	return !text || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool read_sort(const char *text, enum user_sort *ret_sort)
{
	for (int sort = 0; text && sort < SORT_COUNT; sort++)
		if (strcmp(text, sorts[sort].name) == 0) {
			*ret_sort = (enum user_sort)sort;
			return true;
		}
	return !text;
}

static bool read_order(const char *text, bool *ret_is_descending)
{
	*ret_is_descending = text && strcmp(text, "desc") == 0;
	return !text || *ret_is_descending || strcmp(text, "asc") == 0;
}

bool user_filter_read(struct http_request *req, long limit_default, long limit_max, struct user_filter *ret_filter,
		      struct http_page *ret_page)
{
	struct user_filter filter = {.text = http_request_query(req, "query"),
				     .active = http_request_query(req, "active"),
				     .admin = http_request_query(req, "admin")};
	cJSON *errors = NULL;

	if (!is_text(filter.text))
		errors = http_errors_add(errors, "query", "must have 1 to 512 bytes of UTF-8");
	if (!is_flag(filter.active))
		errors = http_errors_add(errors, "active", "must be true or false");
	if (!is_flag(filter.admin))
		errors = http_errors_add(errors, "admin", "must be true or false");
	if (!read_sort(http_request_query(req, "sort"), &filter.sort))
		errors = http_errors_add(errors, "sort", "must be id, username or email");
	if (!read_order(http_request_query(req, "order"), &filter.is_descending))
		errors = http_errors_add(errors, "order", "must be asc or desc");
	if (errors) {
		http_reply_invalid(req, errors);
		return false;
	}
	*ret_filter = filter;
	return http_page_read(req, limit_default, limit_max, ret_page);
}

/* ---- the statement ---- */

const struct postgres_statement *user_filter_statement(const struct user_filter *filter, const struct http_page *page,
						       struct postgres_params *params)
{
	bool is_from_the_top = filter->sort == SORT_ID && filter->is_descending;

	postgres_param_int(params, http_page_rows(page));
	postgres_param_text(params, filter->text);
	postgres_param_text(params, filter->active);
	postgres_param_text(params, filter->admin);
	postgres_param_int(params, is_from_the_top && page->after == 0 ? INT64_MAX : page->after);
	return filter->is_descending ? sorts[filter->sort].descending : sorts[filter->sort].ascending;
}

/* ---- the next page ---- */

static void add_parameter(struct buf *more, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(more, "&%s=", name);
	url_encode_query(more, text);
}

void user_filter_link_next(struct http_request *req, const struct user_filter *filter, const struct http_page *page,
			   int64_t after)
{
	char text[INT64_TEXT_BYTES];
	struct buf more = {0};

	int64_format(after, text);
	buf_text(&more, "");
	add_parameter(&more, "query", filter->text);
	add_parameter(&more, "active", filter->active);
	add_parameter(&more, "admin", filter->admin);
	add_parameter(&more, "sort", filter->sort == SORT_ID ? NULL : sorts[filter->sort].name);
	add_parameter(&more, "order", filter->is_descending ? "desc" : NULL);
	http_page_link_next_as(req, page, text, more.bytes ? more.bytes : "");
	buf_free(&more);
}

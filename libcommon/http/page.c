#include "http/server_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "net/url.h"

static bool read_bound(struct http_request *req, const char *name, int64_t least, int64_t most, int64_t *ret_number)
{
	const char *text = http_request_query(req, name);

	return !text || (int64_parse(text, ret_number) == STATUS_OK && *ret_number >= least && *ret_number <= most);
}

/* "NUMBER-ID" */
static bool read_pair(const char *text, int64_t *ret_number, int64_t *ret_id)
{
	const char *dash = text ? strchr(text, '-') : NULL;
	char number[INT64_TEXT_BYTES];

	if (!text)
		return true;
	if (!dash || (size_t)(dash - text) >= sizeof number)
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(dash - text), text);
	return int64_parse(number, ret_number) == STATUS_OK && *ret_number >= 0 && int64_parse(dash + 1, ret_id) == STATUS_OK &&
	       *ret_id >= 0;
}

static bool read_after(struct http_request *req, bool is_pair, struct http_page *page)
{
	if (is_pair)
		return read_pair(http_request_query(req, "after"), &page->after_number, &page->after);
	return read_bound(req, "after", 0, INT64_MAX, &page->after);
}

static bool read_page(struct http_request *req, long limit_default, long limit_max, bool is_pair, struct http_page *ret_page)
{
	struct http_page page = {.after_number = -1};
	int64_t limit = limit_default;
	cJSON *errors = NULL;

	if (!read_bound(req, "limit", 1, limit_max, &limit))
		errors = http_errors_add(errors, "limit", "must be a whole number from 1 up to the listing's limit");
	if (!read_after(req, is_pair, &page))
		errors = http_errors_add(errors, "after",
					 is_pair ? "must be what the page before gave in its Link"
						 : "must be a whole number, 0 or more");
	if (errors) {
		http_reply_invalid(req, errors);
		return false;
	}
	page.limit = (long)limit;
	*ret_page = page;
	return true;
}

bool http_page_read(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page)
{
	return read_page(req, limit_default, limit_max, false, ret_page);
}

bool http_page_read_by(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page)
{
	return read_page(req, limit_default, limit_max, true, ret_page);
}

long http_page_rows(const struct http_page *page)
{
	return page->limit + 1;
}

int http_page_trim(struct http_page *page, int found)
{
	page->has_next = found > page->limit;
	return page->has_next ? (int)page->limit : found;
}

void http_page_link_next(struct http_request *req, const struct http_page *page, int64_t last)
{
	char after[INT64_TEXT_BYTES];

	int64_format(last, after);
	http_page_link_next_as(req, page, after, "");
}

/* The route's path with the segments of the request in place of its parameters. */
static void add_path(struct buf *out, const struct http_request *req)
{
	const char *path = req->route->path, *open;

	for (int place = 0; (open = strchr(path, '{')); place++) {
		buf_add(out, path, (size_t)(open - path));
		url_encode_query(out, req->params[place]);
		path = strchr(open, '}') + 1;
	}
	buf_text(out, path);
}

/* nginx sends the prefix that it removed in X-Forwarded-Prefix. */
void http_page_link_next_as(struct http_request *req, const struct http_page *page, const char *after, const char *more)
{
	const char *prefix = http_request_header(req, "X-Forwarded-Prefix");
	bool has_prefix = req->has_api_prefix || (prefix && strcmp(prefix, "/api") == 0);
	struct buf link = {0};

	buf_printf(&link, "<%s", has_prefix ? "/api" : "");
	add_path(&link, req);
	buf_printf(&link, "?limit=%ld&after=%s%s>; rel=\"next\"", page->limit, after, more);
	http_reply_header(req, "Link", link.bytes);
	buf_free(&link);
}

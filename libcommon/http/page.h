/* Paging of a listing by ?limit=&after=, where after is the id of the last row that the client has; or, of a listing in another
 * order, "NUMBER-ID" of that row. It is in URLs, which are logged, so it is no text of a row. */
#ifndef ABACUS_HTTP_PAGE_H
#define ABACUS_HTTP_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "http/request.h"

struct http_page {
	long limit;
	int64_t after;        /* 0: from the start */
	int64_t after_number; /* of http_page_read_by(); -1: from the start */
	bool has_next;        /* set by http_page_trim() */
};

/* False: limit or after was wrong, and the request has been answered with 400. */
bool http_page_read(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page) MUST_CHECK;
/* The same where after is "NUMBER-ID". */
bool http_page_read_by(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page) MUST_CHECK;
/* How many rows to ask the store for: one more than the page holds, which shows whether there is a next page. */
long http_page_rows(const struct http_page *page);
/* How many of the rows that were found are on the page. */
int http_page_trim(struct http_page *page, int found);
/* When the page has a next one: adds Link: <path?limit=&after=last>; rel="next" (RFC 8288). last is the id of the page's last
 * row; the path is as the client sees it, /api included. */
void http_page_link_next(struct http_request *req, const struct http_page *page, int64_t last);
/* The same for an `after` of any form, and with more of the query: "" or "&kind=lucas", both percent-encoded where that is
 * needed. */
void http_page_link_next_as(struct http_request *req, const struct http_page *page, const char *after, const char *more);

#endif

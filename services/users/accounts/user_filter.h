/* Which users GET /users lists, and in which order: what only admins ask for, because it shows what others must not see of
 * users. */
#ifndef ABACUS_USERS_USER_FILTER_H
#define ABACUS_USERS_USER_FILTER_H

#include <stdbool.h>

#include "http/page.h"
#include "postgres/postgres.h"

enum user_sort { SORT_ID, SORT_USERNAME, SORT_EMAIL, SORT_COUNT };

struct user_filter {        /* texts are borrowed from the request */
	const char *text;   /* in the name or the e-mail; NULL: any */
	const char *active; /* "true", "false"; NULL: any */
	const char *admin;  /* the same */
	enum user_sort sort;
	bool is_descending;
};

/* Whether the request has a parameter that user_filter_read() reads. */
bool user_filter_is_given(struct http_request *req);
/* Reads ?query=&active=&admin=&sort=&order=, and the page. False: something was wrong, and the request has been answered with
 * 400. */
bool user_filter_read(struct http_request *req, long limit_default, long limit_max, struct user_filter *ret_filter,
		      struct http_page *ret_page) MUST_CHECK;
/* The statement that finds what matches behind the page's cursor, and its parameters, which borrow from filter and page. */
const struct postgres_statement *user_filter_statement(const struct user_filter *filter, const struct http_page *page,
						       struct postgres_params *params);
/* Adds the Link to the next page, which begins behind the user of the id `after`. */
void user_filter_link_next(struct http_request *req, const struct user_filter *filter, const struct http_page *page,
			   int64_t after);

#endif

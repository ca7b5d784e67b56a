/* Which of the caller's submissions GET /values lists, and in which order. */
#ifndef ABACUS_VALUES_VALUE_FILTER_H
#define ABACUS_VALUES_VALUE_FILTER_H

#include "http/page.h"
#include "jobs/jobs.h"
#include "postgres/postgres.h"

enum value_order { ORDER_NEWEST, ORDER_LOWEST, ORDER_HIGHEST, ORDER_COUNT };

struct value_filter {
	enum value_order order;
	int kind;             /* enum kind; -1: all */
	enum job_state state; /* JOB_ABSENT: any */
	int64_t from, to;     /* indexes, both included */
};

#define VALUE_CURSOR_BYTES 44 /* "INDEX-ID", or an id */

/* Reads ?kind=&state=&from=&to=&order=, and the page in the form that the order needs. False: something was wrong, and the
 * request has been answered with 400. */
bool value_filter_read(struct http_request *req, long limit_default, long limit_max, struct value_filter *ret_filter,
		       struct http_page *ret_page) MUST_CHECK;
/* Neither a filter nor an order: then the statement has no COLUMN_FOUND_*. */
bool value_filter_is_everything(const struct value_filter *filter);
/* The statement that finds what matches behind the page's cursor, and its parameters. They borrow kinds, which is empty before
 * and which the caller frees after postgres_exec(). */
const struct postgres_statement *value_filter_statement(const struct value_filter *filter, int64_t user_id,
							const struct http_page *page, struct postgres_params *params,
							struct buf *kinds);
/* Whether a result that was completed since Postgres found it is still what was asked for. */
bool value_filter_matches(const struct value_filter *filter, enum job_state state);
/* Adds the Link to the next page, which begins behind this value. */
void value_filter_link_next(struct http_request *req, const struct value_filter *filter, const struct http_page *page,
			    int64_t index, int64_t id);

#endif

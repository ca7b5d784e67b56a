/* Without a filter the list is the statement of before, because that needs no limit on what it looks at. */
#include "value_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "http/reply.h"
#include "store.h"

static const struct {
	const char *name;
	const struct postgres_statement *statement;
	int64_t first_index; /* what every value is behind */
} orders[] = {
	[ORDER_NEWEST] = {"newest", &store_values_found_newest, 0},
	[ORDER_LOWEST] = {"lowest", &store_values_found_lowest, -1},
	[ORDER_HIGHEST] = {"highest", &store_values_found_highest, INT64_MAX},
};

static const char *const states[] = {[JOB_PENDING] = "pending", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};

/* ---- reading ---- */

static bool read_kind(const char *text, int *ret_kind)
{
	enum kind kind;

	if (!text)
		return true;
	if (kind_parse(text, &kind) < 0)
		return false;
	*ret_kind = (int)kind;
	return true;
}

static bool read_state(const char *text, enum job_state *ret_state)
{
	for (int state = JOB_PENDING; text && state <= JOB_FAILED; state++)
		if (strcmp(text, states[state]) == 0) {
			*ret_state = (enum job_state)state;
			return true;
		}
	return !text;
}

static bool read_order(const char *text, enum value_order *ret_order)
{
	for (int order = 0; text && order < ORDER_COUNT; order++)
		if (strcmp(text, orders[order].name) == 0) {
			*ret_order = (enum value_order)order;
			return true;
		}
	return !text;
}

static bool read_index(const char *text, int64_t *ret_index)
{
	return !text || (int64_parse(text, ret_index) == STATUS_OK && *ret_index >= 0);
}

bool value_filter_read(struct http_request *req, long limit_default, long limit_max, struct value_filter *ret_filter,
		       struct http_page *ret_page)
{
	struct value_filter filter = {.kind = -1, .from = 0, .to = INT64_MAX};
	cJSON *errors = NULL;

	if (!read_kind(http_request_query(req, "kind"), &filter.kind))
		errors = http_errors_add(errors, "kind", "must be one of the kinds that /values/kinds lists");
	if (!read_state(http_request_query(req, "state"), &filter.state))
		errors = http_errors_add(errors, "state", "must be pending, done or failed");
	if (!read_index(http_request_query(req, "from"), &filter.from))
		errors = http_errors_add(errors, "from", "must be a whole number, 0 or more");
	if (!read_index(http_request_query(req, "to"), &filter.to))
		errors = http_errors_add(errors, "to", "must be a whole number, 0 or more");
	if (!read_order(http_request_query(req, "order"), &filter.order))
		errors = http_errors_add(errors, "order", "must be newest, lowest or highest");
	if (errors) {
		http_reply_invalid(req, errors);
		return false;
	}
	*ret_filter = filter;
	return filter.order == ORDER_NEWEST ? http_page_read(req, limit_default, limit_max, ret_page)
					    : http_page_read_by(req, limit_default, limit_max, ret_page);
}

/* ---- the statement ---- */

bool value_filter_is_everything(const struct value_filter *filter)
{
	return filter->order == ORDER_NEWEST && filter->kind < 0 && filter->state == JOB_ABSENT && filter->from == 0 &&
	       filter->to == INT64_MAX;
}

static void add_kinds(struct postgres_params *params, int wanted, struct buf *kinds)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (wanted < 0 || kind == wanted)
			buf_printf(kinds, "%s%s", kinds->len ? "," : "{", kind_name((enum kind)kind));
	buf_text(kinds, "}");
	postgres_param_text(params, kinds->bytes);
}

const struct postgres_statement *value_filter_statement(const struct value_filter *filter, int64_t user_id,
							const struct http_page *page, struct postgres_params *params,
							struct buf *kinds)
{
	postgres_param_int(params, user_id);
	if (!value_filter_is_everything(filter)) {
		add_kinds(params, filter->kind, kinds);
		postgres_param_int(params, filter->from);
		postgres_param_int(params, filter->to);
		postgres_param_text(params, states[filter->state]);
	}
	if (filter->order != ORDER_NEWEST)
		postgres_param_int(params, page->after_number < 0 ? orders[filter->order].first_index : page->after_number);
	if (filter->order != ORDER_LOWEST)
		postgres_param_int(params, page->after ? page->after : INT64_MAX);
	else
		postgres_param_int(params, page->after);
	postgres_param_int(params, http_page_rows(page));
	return value_filter_is_everything(filter) ? &store_values_of_user : orders[filter->order].statement;
}

bool value_filter_matches(const struct value_filter *filter, enum job_state state)
{
	return filter->state == JOB_ABSENT || filter->state == (state == JOB_ABSENT ? JOB_PENDING : state);
}

/* ---- the next page ---- */

void value_filter_link_next(struct http_request *req, const struct value_filter *filter, const struct http_page *page,
			    int64_t index, int64_t id)
{
	char after[VALUE_CURSOR_BYTES];
	struct buf more = {0};

	if (filter->order == ORDER_NEWEST)
		snprintf(after, sizeof after, "%" PRId64, id);
	else
		snprintf(after, sizeof after, "%" PRId64 "-%" PRId64, index, id);
	buf_text(&more, "");
	if (filter->kind >= 0)
		buf_printf(&more, "&kind=%s", kind_name((enum kind)filter->kind));
	if (filter->state != JOB_ABSENT)
		buf_printf(&more, "&state=%s", states[filter->state]);
	if (filter->from > 0)
		buf_printf(&more, "&from=%" PRId64, filter->from);
	if (filter->to < INT64_MAX)
		buf_printf(&more, "&to=%" PRId64, filter->to);
	if (filter->order != ORDER_NEWEST)
		buf_printf(&more, "&order=%s", orders[filter->order].name);
	http_page_link_next_as(req, page, after, more.bytes ? more.bytes : "");
	buf_free(&more);
}

/* GET /values/{kind}/{index}: one result, whole. GET /values/kinds: what can be asked for.
 * Flow: value_result -> read -> reply, or (Redis knows nothing) -> looked_for -> put back and 202, or 404. */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "base/json.h"
#include "store.h"

struct reading {
	struct http_request *req;
	struct job_key key;
};

static bool wants_text(const struct http_request *req)
{
	const char *accept = http_request_header(req, "Accept");

	return accept && strncmp(accept, "text/plain", strlen("text/plain")) == 0;
}

/* A result never changes, so its name is its validator (RFC 9110 §8.8.3); the two forms are two representations. */
static void make_etag(const struct reading *reading, size_t len, bool is_text, char etag[80])
{
	snprintf(etag, 80, "\"%s-%lld-%zu%s\"", kind_name(reading->key.kind), (long long)reading->key.index, len,
		 is_text ? "-text" : "");
}

static void reply_result(struct reading *reading, const char *digits, size_t len)
{
	struct http_request *req = reading->req;
	bool is_text = wants_text(req);
	const char *known = http_request_header(req, "If-None-Match");
	struct buf body = {0};
	char etag[80];

	make_etag(reading, len, is_text, etag);
	http_reply_header(req, "ETag", etag);
	http_reply_header(req, "Vary", "Accept");
	http_reply_header(req, "Cache-Control", "private, no-cache");
	if (known && (strstr(known, etag) || strcmp(known, "*") == 0))
		return http_reply(req, 304, NULL, "", 0);
	if (is_text)
		return http_reply(req, 200, "text/plain; charset=utf-8", digits, len);
	buf_printf(&body, "{\"status\":\"success\",\"data\":{\"kind\":\"%s\",\"index\":%lld,\"digits\":%zu,\"result\":\"",
		   kind_name(reading->key.kind), (long long)reading->key.index, len);
	buf_add(&body, digits, len);
	buf_text(&body, "\"}}");
	http_reply_buf(req, 200, &body);
}

static void reply_pending(struct reading *reading)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "kind", kind_name(reading->key.kind));
	cJSON_AddNumberToObject(data, "index", (double)reading->key.index);
	cJSON_AddStringToObject(data, "state", "pending");
	http_reply_header(reading->req, "Retry-After", "1");
	http_reply_success(reading->req, 202, "Still being calculated.", data);
}

/* Redis knows neither result nor job: it was never asked for, or Redis was emptied. */
static void looked_for(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct reading *reading = arg;

	if (status != STATUS_OK)
		return http_reply_status(reading->req, status);
	if (postgres_count(rows) == 0)
		return http_reply_fail(reading->req, 404, "not_found", "Nobody has asked for that yet.");
	repair_now(values_of(reading->req)->repair, &reading->key, 1);
	reply_pending(reading);
}

static void read_back(enum status status, enum job_state state, const char *digits, size_t len, void *arg)
{
	struct reading *reading = arg;
	struct http_request *req = reading->req;
	struct postgres_params params = {0};

	if (status == STATUS_OK)
		return reply_result(reading, digits, len);
	if (status != STATUS_NOT_FOUND)
		return http_reply_status(req, status);
	if (state == JOB_FAILED)
		return http_reply_fail(req, 409, "calculation_failed", "The calculation failed.");
	if (state == JOB_PENDING)
		return reply_pending(reading);
	postgres_param_text(&params, kind_name(reading->key.kind));
	postgres_param_int(&params, reading->key.index);
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculation_exists, &params, looked_for,
		      reading);
}

void value_result(struct http_request *req)
{
	struct reading *reading = http_request_alloc(req, sizeof *reading, NULL);

	reading->req = req;
	if (kind_parse(http_request_param(req, "kind"), &reading->key.kind) < 0 ||
	    int64_parse(http_request_param(req, "index"), &reading->key.index) != STATUS_OK || reading->key.index < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such kind or index.");
	jobs_read_result(values_of(req)->redis, http_request_scope(req), reading->key, read_back, reading);
}

void kind_list(struct http_request *req)
{
	cJSON *data = cJSON_CreateObject(), *kinds = cJSON_AddArrayToObject(data, "kinds");

	for (int i = 0; i < KIND_COUNT; i++) {
		cJSON *kind = cJSON_CreateObject();

		cJSON_AddStringToObject(kind, "kind", kind_name((enum kind)i));
		cJSON_AddNumberToObject(kind, "limit", (double)values_of(req)->config->kinds.max[i]);
		cJSON_AddStringToObject(kind, "description", kind_description((enum kind)i));
		cJSON_AddItemToArray(kinds, kind);
	}
	http_reply_success(req, 200, NULL, data);
}

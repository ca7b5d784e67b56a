/* GET /values/{kind}/{index}: one result, whole.
 * Flow: value_result -> result_read -> reply_result, or (Redis knows nothing of it) -> looked_for -> its job is added again and
 * the reply is 202, or 404. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json_write.h"
#include "repair.h"
#include "store.h"

struct reading {
	struct http_request *req;
	struct job_key key;
};

static void result_read(enum status status, enum job_state state, const char *digits, size_t len, void *arg);
static void look_for(struct reading *reading);
static void looked_for(enum status status, const struct postgres_rows *rows, void *arg);
static void reply_pending(struct reading *reading);
static void reply_result(struct reading *reading, const char *digits, size_t len);

void value_result(struct http_request *req)
{
	struct reading *reading = http_request_alloc(req, sizeof *reading, NULL);

	reading->req = req;
	if (kind_parse(http_request_param(req, "kind"), &reading->key.kind) < 0 ||
	    int64_parse(http_request_param(req, "index"), &reading->key.index) != STATUS_OK || reading->key.index < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such kind or index.");
	jobs_read_result(values_of(req)->redis, http_request_scope(req), reading->key, result_read, reading);
}

static void result_read(enum status status, enum job_state state, const char *digits, size_t len, void *arg)
{
	struct reading *reading = arg;

	if (status == STATUS_OK)
		reply_result(reading, digits, len);
	else if (status != STATUS_NOT_FOUND)
		http_reply_status(reading->req, status);
	else if (state == JOB_FAILED)
		http_reply_fail(reading->req, 409, "calculation_failed", "The calculation failed.");
	else if (state == JOB_PENDING)
		reply_pending(reading);
	else
		look_for(reading);
}

/* Redis knows neither result nor job: this was never submitted, or Redis was emptied. */
static void look_for(struct reading *reading)
{
	struct http_request *req = reading->req;
	struct postgres_params params = {0};

	postgres_param_text(&params, kind_name(reading->key.kind));
	postgres_param_int(&params, reading->key.index);
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculation_exists, &params, looked_for,
		      reading);
}

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

static void reply_pending(struct reading *reading)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "kind", kind_name(reading->key.kind));
	cJSON_AddNumberToObject(data, "index", (double)reading->key.index);
	cJSON_AddStringToObject(data, "state", "pending");
	http_reply_header(reading->req, "Retry-After", "1");
	http_reply_success(reading->req, 202, "Still being calculated.", data);
}

static bool wants_text(const struct http_request *req)
{
	const char *accept = http_request_header(req, "Accept");

	return accept && strncmp(accept, "text/plain", strlen("text/plain")) == 0;
}

/* A result never changes, so its name is its validator (RFC 9110 §8.8.3). Text and JSON are two representations. */
static void make_etag(const struct reading *reading, size_t len, bool is_text, struct buf *etag)
{
	buf_text(etag, "\"");
	buf_text(etag, kind_name(reading->key.kind));
	buf_text(etag, "-");
	buf_int(etag, reading->key.index);
	buf_text(etag, "-");
	buf_int(etag, (int64_t)len);
	buf_text(etag, is_text ? "-text\"" : "\"");
}

/* Adds the headers; true when the client has this representation already (If-None-Match). */
static bool is_known_to_client(struct reading *reading, size_t len, bool is_text)
{
	const char *known = http_request_header(reading->req, "If-None-Match");
	struct buf etag = {0};
	bool is_known;

	make_etag(reading, len, is_text, &etag);
	http_reply_header(reading->req, "ETag", etag.bytes);
	http_reply_header(reading->req, "Vary", "Accept");
	http_reply_header(reading->req, "Cache-Control", "private, no-cache");
	is_known = known && (strstr(known, etag.bytes) || strcmp(known, "*") == 0);
	buf_free(&etag);
	return is_known;
}

static void reply_result(struct reading *reading, const char *digits, size_t len)
{
	struct http_request *req = reading->req;
	bool is_text = wants_text(req);
	struct buf body = {0};

	if (is_known_to_client(reading, len, is_text))
		return http_reply(req, 304, NULL, "", 0);
	if (is_text)
		return http_reply(req, 200, "text/plain; charset=utf-8", digits, len);
	http_success_begin(&body, NULL);
	json_write_object(&body);
	json_write_member_text(&body, "kind", kind_name(reading->key.kind));
	json_write_member_int(&body, "index", reading->key.index);
	json_write_member_int(&body, "digits", (int64_t)len);
	json_write_member_plain(&body, "result", digits, len);
	json_write_object_end(&body);
	json_write_object_end(&body);
	http_reply_buf(req, 200, &body);
}

/* GET /values/{kind}/{index}: one result, whole.
 * Flow: value_result -> (its preview is kept, and is the whole result: reply_result), or loaded -> (it is pending: completed
 * ->) answer -> reply_result, or for a long one decimal_read -> reply_result, or (Redis does not have it any more) added_again
 * -> reply_pending. */
#include "service.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/int64.h"
#include "base/json_write.h"
#include "previews.h"
#include "refill.h"
#include "results.h"
#include "store.h"

struct reading {
	struct http_request *req;
	struct job_key key;
	struct job_result result;
};

static void load(struct reading *reading);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void completed(enum status status, void *arg);
static void answer(struct reading *reading);
static void decimal_read(enum status status, const char *digits, size_t len, void *arg);
static void calculate_again(struct reading *reading);
static void added_again(enum status status, const enum job_state *states, void *arg);
static void reply_pending(struct reading *reading);
static void reply_result(struct reading *reading, const char *digits, size_t len);

void value_result(struct http_request *req)
{
	struct reading *reading = http_request_alloc(req, sizeof *reading, NULL);
	const char *preview;
	size_t len;

	reading->req = req;
	if (kind_parse(http_request_param(req, "kind"), &reading->key.kind) < 0 ||
	    int64_parse(http_request_param(req, "index"), &reading->key.index) != STATUS_OK || reading->key.index < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such kind or index.");
	preview = previews_find(values_of(req)->previews, reading->key, &len);
	if (preview && jobs_preview_is_whole(preview, len))
		reply_result(reading, preview, len);
	else
		load(reading);
}

static void load(struct reading *reading)
{
	struct http_request *req = reading->req;
	struct postgres_params params = {0};
	struct buf kind = {0}, index = {0};

	buf_printf(&kind, "{%s}", kind_name(reading->key.kind));
	buf_printf(&index, "{%" PRId64 "}", reading->key.index);
	postgres_param_text(&params, kind.bytes);
	postgres_param_text(&params, index.bytes);
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculations_named, &params, loaded, reading);
	buf_free(&kind);
	buf_free(&index);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct reading *reading = arg;

	if (status != STATUS_OK)
		return http_reply_status(reading->req, status);
	if (postgres_count(rows) == 0)
		return http_reply_fail(reading->req, 404, "not_found", "Nobody has asked for that yet.");
	if (!store_calculation_read(rows, 0, &reading->result))
		return http_reply_status(reading->req, STATUS_INTERNAL);
	if (reading->result.state == JOB_PENDING)
		return results_complete(reading->req, &reading->result, 1, completed, reading);
	if (reading->result.state == JOB_DONE)
		previews_keep(values_of(reading->req)->previews, &reading->result);
	answer(reading);
}

static void completed(enum status status, void *arg)
{
	struct reading *reading = arg;

	if (status != STATUS_OK)
		return http_reply_status(reading->req, status);
	answer(reading);
}

static void answer(struct reading *reading)
{
	const struct job_result *result = &reading->result;

	if (result->state == JOB_FAILED)
		http_reply_fail(reading->req, 409, "calculation_failed", "The calculation failed.");
	else if (result->state == JOB_PENDING)
		reply_pending(reading);
	else if (jobs_preview_is_whole(result->preview, result->preview_len))
		reply_result(reading, result->preview, result->preview_len);
	else
		jobs_read_decimal(values_of(reading->req)->redis, http_request_scope(reading->req), reading->key, decimal_read,
				  reading);
}

/* The decimal must have as many digits as Postgres says, because Redis may hold anything. */
static void decimal_read(enum status status, const char *digits, size_t len, void *arg)
{
	struct reading *reading = arg;

	if (status == STATUS_OK && len == (size_t)reading->result.digits)
		reply_result(reading, digits, len);
	else if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		calculate_again(reading);
	else
		http_reply_status(reading->req, status);
}

/* Not a row in Postgres but this request is what asks for it, so it goes into the window even if that is full. */
static void calculate_again(struct reading *reading)
{
	struct http_request *req = reading->req;
	struct job_to_add job = {reading->key, http_request_id(req)};

	jobs_add(values_of(req)->redis, http_request_scope(req), LONG_MAX, &job, 1, added_again, reading);
}

static void added_again(enum status status, const enum job_state *states, void *arg)
{
	struct reading *reading = arg;

	if (status != STATUS_OK)
		http_reply_status(reading->req, status);
	else if (states[0] == JOB_FAILED)
		http_reply_fail(reading->req, 409, "calculation_failed", "The calculation failed.");
	else
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

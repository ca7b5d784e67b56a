/* GET /values/{kind}/{index}: one result, whole. Without a token only what may be submitted without one.
 * Flow: value_result -> (its preview is kept, and is the whole result: reply_result), or loaded -> (it is pending: completed
 * ->) answer -> reply_result, or for a long one read_decimal -> decimal_read -> reply_result, or (Redis does not have it any
 * more) ask -> asked -> wait -> read_decimal … -> reply_result, or reply_pending. */
#include "service.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json_write.h"
#include "base/loop.h"
#include "previews.h"
#include "refill.h"
#include "results.h"
#include "store.h"

/* Between two looks for a decimal that is being calculated. */
#define PAUSE_FIRST_MS 10
#define PAUSE_MS_MAX 320
/* At most, because nginx asks another instance when a read is not answered within 2 s. */
#define WAIT_MS_MAX 1500

struct reading {
	struct http_request *req;
	struct job_key key;
	struct job_result result;
	struct loop_timer *timer; /* NULL unless it waits for its decimal */
	long pause_ms;
	int64_t until_us;
};

static void load(struct reading *reading);
static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void completed(enum status status, void *arg);
static void answer(struct reading *reading);
static void read_decimal(void *arg);
static void decimal_read(enum status status, const char *digits, size_t len, void *arg);
static void ask(struct reading *reading);
static void asked(enum status status, void *arg);
static void wait_for_decimal(struct reading *reading);
static void reply_pending(struct reading *reading);
static void reply_result(struct reading *reading, const char *digits, size_t len);

static void drop(void *memory)
{
	loop_timer_free(((struct reading *)memory)->timer);
}

void value_result(struct http_request *req)
{
	struct reading *reading = http_request_alloc(req, sizeof *reading, drop);
	const struct job_result *known;

	reading->req = req;
	if (kind_parse(http_request_param(req, "kind"), &reading->key.kind) < 0 ||
	    int64_parse(http_request_param(req, "index"), &reading->key.index) != STATUS_OK || reading->key.index < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such kind or index.");
	if (values_needs_token(req, reading->key.index))
		return auth_refuse(req, AUTH_MISSING);
	known = previews_find(values_of(req)->previews, reading->key);
	if (known && jobs_preview_is_whole(known->preview, known->preview_len)) {
		reading->result = *known;
		answer(reading);
	} else {
		load(reading);
	}
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
	if (reading->result.state != JOB_DONE)
		return results_complete(reading->req, &reading->result, 1, completed, reading);
	previews_keep(values_of(reading->req)->previews, &reading->result);
	answer(reading);
}

/* While Redis is away, what failed is shown as Postgres has it. */
static void completed(enum status status, void *arg)
{
	struct reading *reading = arg;

	if (status != STATUS_OK && reading->result.state == JOB_PENDING)
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
		read_decimal(reading);
}

static void read_decimal(void *arg)
{
	struct reading *reading = arg;

	jobs_read_decimal(values_of(reading->req)->redis, http_request_scope(reading->req), reading->key, decimal_read,
			  reading);
}

/* The decimal must have as many digits as Postgres says, because Redis may hold anything. */
static void decimal_read(enum status status, const char *digits, size_t len, void *arg)
{
	struct reading *reading = arg;

	if (status == STATUS_OK && len == (size_t)reading->result.digits)
		reply_result(reading, digits, len);
	else if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		http_reply_status(reading->req, status);
	else if (reading->timer)
		wait_for_decimal(reading);
	else
		ask(reading);
}

/* ---- waiting for a decimal that expired or was evicted ---- */

static void ask(struct reading *reading)
{
	struct http_request *req = reading->req;

	jobs_ask_decimal(values_of(req)->redis, http_request_scope(req), reading->key, http_request_id(req), asked, reading);
}

/* Less than the time that a request has, so that the reply is 202 and not 504. */
static long wait_ms(const struct values *values)
{
	long most_ms = values->config->http.deadline_ms / 4 * 3;

	return most_ms < WAIT_MS_MAX ? most_ms : WAIT_MS_MAX;
}

static void asked(enum status status, void *arg)
{
	struct reading *reading = arg;
	struct values *values = values_of(reading->req);

	if (status == STATUS_BUSY)
		return reply_pending(reading);
	if (status != STATUS_OK)
		return http_reply_status(reading->req, status);
	reading->timer = loop_timer_new(values->base, read_decimal, reading);
	reading->until_us = clock_monotonic_us() + wait_ms(values) * 1000;
	reading->pause_ms = PAUSE_FIRST_MS;
	wait_for_decimal(reading);
}

/* It looks again and again, because a message that announced the decimal could be lost. */
static void wait_for_decimal(struct reading *reading)
{
	if (clock_monotonic_us() > reading->until_us)
		return reply_pending(reading);
	loop_timer_start(reading->timer, reading->pause_ms);
	if (reading->pause_ms < PAUSE_MS_MAX)
		reading->pause_ms *= 2;
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

/* A result never changes, so its name is its validator (RFC 9110 §8.8.3). Text and JSON are two representations. JSON has the
 * duration of the calculation too, which changes when the number is calculated again. */
static void make_etag(const struct reading *reading, size_t len, bool is_text, struct buf *etag)
{
	buf_text(etag, "\"");
	buf_text(etag, kind_name(reading->key.kind));
	buf_text(etag, "-");
	buf_int(etag, reading->key.index);
	buf_text(etag, "-");
	buf_int(etag, (int64_t)len);
	buf_text(etag, "-");
	if (is_text)
		buf_text(etag, "text");
	else
		buf_int(etag, reading->result.duration_us);
	buf_text(etag, "\"");
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
	json_write_member_int(&body, "duration_us", reading->result.duration_us);
	json_write_member_plain(&body, "result", digits, len);
	json_write_object_end(&body);
	json_write_object_end(&body);
	http_reply_buf(req, 200, &body);
}

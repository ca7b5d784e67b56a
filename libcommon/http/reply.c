#include "http/server_internal.h"

#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/log.h"

static const int codes[] = {101, 200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409,
			    413, 415, 417, 422, 426, 429, 499, 500, 501, 503, 504};
#define CODES (sizeof codes / sizeof *codes)
#define ROUTES_MAX 40

/* The series of each route of the daemon's table; the last is for what matched none. */
static struct {
	const struct http_route *routes;
	size_t count;
	struct {
		struct metric *by_code[CODES], *seconds;
	} of[ROUTES_MAX + 1];
} route_metrics;

static void register_route(size_t at, const char *method, const char *path)
{
	struct buf labels = {0};

	for (size_t i = 0; i <= CODES; i++) {
		char code[8];

		labels.len = 0;
		metrics_label(&labels, "method", method);
		buf_text(&labels, ",");
		metrics_label(&labels, "route", path);
		if (i == CODES)
			break;
		snprintf(code, sizeof code, "%d", codes[i]);
		buf_text(&labels, ",");
		metrics_label(&labels, "code", code);
		route_metrics.of[at].by_code[i] =
			metrics_counter("http_requests_total", labels.bytes, "Requests answered, by route and status code.");
	}
	route_metrics.of[at].seconds = metrics_histogram("http_request_duration_seconds", labels.bytes,
							 "Time from a request read whole to its reply.");
	buf_free(&labels);
}

void http_server_register_metrics(const struct http_route *routes)
{
	route_metrics.routes = routes;
	for (; routes[route_metrics.count].method && route_metrics.count < ROUTES_MAX; route_metrics.count++)
		register_route(route_metrics.count, routes[route_metrics.count].method, routes[route_metrics.count].path);
	register_route(route_metrics.count, "any", "other");
}

static void count_at(size_t at, int code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i] == code)
			metrics_add(route_metrics.of[at].by_code[i], 1);
}

static void count(const struct http_request *req, int code, double seconds)
{
	size_t at = req->route ? (size_t)(req->route - route_metrics.routes) : route_metrics.count;

	if (!route_metrics.routes || req->server->routes != route_metrics.routes)
		return;
	count_at(at, code);
	metrics_observe(route_metrics.of[at].seconds, seconds);
}

void http_request_account(struct http_request *req, int code, size_t bytes)
{
	double ms = (double)(clock_monotonic_us() - req->started_us) / 1000;

	if (req->server->is_quiet)
		return;
	count(req, code, ms / 1000);
	log_line(LOG_INFO, "request", LOG_TEXT("request_id", req->id), LOG_TEXT("method", req->method),
		 LOG_TEXT("route", req->route ? req->route->path : "other"), LOG_INT("status", code), LOG_MS("duration_ms", ms),
		 LOG_INT("bytes", (int64_t)bytes), LOG_INT("user_id", req->user_id),
		 LOG_TEXT("remote_ip", http_request_remote_ip(req)));
}

void http_refusal_account(const struct http_connection *conn, const char *id, int code)
{
	char *peer = NULL;
	ev_uint16_t port;

	if (conn->server->is_quiet)
		return;
	if (conn->server->routes == route_metrics.routes)
		count_at(route_metrics.count, code);
	evhttp_connection_get_peer(conn->evcon, &peer, &port);
	log_line(LOG_INFO, "refused", LOG_TEXT("request_id", id), LOG_INT("status", code),
		 LOG_TEXT("remote_ip", peer ? peer : ""));
}

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	if (evhttp_add_header(evhttp_request_get_output_headers(req->ev), name, value) < 0)
		log_line(LOG_WARN, "a reply header was refused", LOG_TEXT("name", name));
}

static void written(struct evhttp_request *ev, void *arg)
{
	struct http_connection *conn = arg;

	conn->is_writing = false;
	conn->idle_since_us = clock_monotonic_us();
	conn->server->in_flight--;
}

/* evhttp takes it from here, and the connection's close callback no longer knows of a request. */
static void hand_over(struct http_request *req, int code)
{
	struct http_connection *conn = req->conn;

	conn->request = NULL;
	conn->is_writing = true;
	evhttp_request_set_on_complete_cb(req->ev, written, conn);
	if (req->ev->type == EVHTTP_REQ_CONNECT) /* evhttp would keep its connection open, whatever Connection says */
		req->ev->type = EVHTTP_REQ_GET;
	evhttp_send_reply(req->ev, code, NULL, NULL);
	http_connection_write(conn);
	req->is_answered = true;
	if (!req->is_in_handler)
		http_request_end(req);
}

static void add_headers(struct http_request *req, int code, const char *content_type, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
	char digits[INT64_TEXT_BYTES];

	if (code != 304 && code != 204) {
		int64_format((int64_t)len, digits);
		evhttp_add_header(headers, "Content-Length", digits);
		evhttp_add_header(headers, "Content-Type", content_type);
	}
	evhttp_add_header(headers, "X-Request-ID", req->id);
	if (!evhttp_find_header(headers, "Cache-Control"))
		evhttp_add_header(headers, "Cache-Control", "no-store");
	if (req->server->is_draining)
		evhttp_add_header(headers, "Connection", "close");
	if (code == 401 && !evhttp_find_header(headers, "WWW-Authenticate"))
		evhttp_add_header(headers, "WWW-Authenticate", "Bearer realm=\"abacus\"");
	if ((code == 429 || code == 503) && !evhttp_find_header(headers, "Retry-After"))
		evhttp_add_header(headers, "Retry-After", "1");
}

static bool wants_body(const struct http_request *req, int code)
{
	return code != 304 && code != 204 && strcmp(req->method, "HEAD") != 0;
}

void http_reply(struct http_request *req, int code, const char *content_type, const char *body, size_t len)
{
	add_headers(req, code, content_type, len);
	if (wants_body(req, code))
		evbuffer_add(evhttp_request_get_output_buffer(req->ev), body, len);
	http_request_account(req, code, len);
	hand_over(req, code);
}

static void free_bytes(const void *bytes, size_t len, void *arg)
{
	free(arg);
}

void http_reply_buf(struct http_request *req, int code, struct buf *json)
{
	struct buf body = *json; /* json may lie in the request's own memory, which ends with it */

	*json = (struct buf){0};
	if (body.len < 4096) { /* copying is cheaper than handing over */
		http_reply(req, code, "application/json", body.bytes ? body.bytes : "", body.len);
		buf_free(&body);
		return;
	}
	add_headers(req, code, "application/json", body.len);
	if (wants_body(req, code))
		evbuffer_add_reference(evhttp_request_get_output_buffer(req->ev), body.bytes, body.len, free_bytes, body.bytes);
	else
		free(body.bytes);
	http_request_account(req, code, body.len);
	hand_over(req, code);
}

void http_reply_json(struct http_request *req, int code, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	struct buf buf = {.bytes = text, .len = text ? strlen(text) : 0};

	cJSON_Delete(json);
	http_reply_buf(req, code, &buf);
}

void http_reply_success(struct http_request *req, int code, const char *message, cJSON *data)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "status", "success");
	if (message)
		cJSON_AddStringToObject(json, "message", message);
	if (data)
		cJSON_AddItemToObject(json, "data", data);
	http_reply_json(req, code, json);
}

void http_success_begin(struct buf *json, const char *message)
{
	buf_text(json, "{\"status\":\"success\"");
	if (message) {
		buf_text(json, ",\"message\":");
		buf_json_text(json, message);
	}
	buf_text(json, ",\"data\":");
}

static cJSON *failure(const struct http_request *req, int code, const char *code_word, const char *message)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "status", code < 500 ? "fail" : "error");
	cJSON_AddStringToObject(json, "message", message);
	cJSON_AddStringToObject(json, "code", code_word);
	cJSON_AddStringToObject(json, "request_id", req->id);
	return json;
}

void http_reply_fail(struct http_request *req, int code, const char *code_word, const char *message)
{
	http_reply_json(req, code, failure(req, code, code_word, message));
}

void http_reply_invalid(struct http_request *req, cJSON *errors)
{
	cJSON *json = failure(req, 400, "invalid_payload", "Invalid payload.");

	cJSON_AddItemToObject(json, "errors", errors ? errors : cJSON_CreateArray());
	http_reply_json(req, 400, json);
}

cJSON *http_errors_add(cJSON *errors, const char *field, const char *message)
{
	cJSON *error = cJSON_CreateObject();

	cJSON_AddStringToObject(error, "field", field);
	cJSON_AddStringToObject(error, "message", message);
	if (!errors)
		errors = cJSON_CreateArray();
	cJSON_AddItemToArray(errors, error);
	return errors;
}

void http_reply_status(struct http_request *req, enum status status)
{
	const struct status_info *info = status_info(status);

	http_reply_fail(req, info->http_code, info->code, info->message);
}

static bool read_bound(struct http_request *req, const char *name, int64_t least, int64_t most, int64_t *ret_number)
{
	const char *text = http_request_query(req, name);

	return !text || (int64_parse(text, ret_number) == STATUS_OK && *ret_number >= least && *ret_number <= most);
}

bool http_request_page(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page)
{
	int64_t limit = limit_default, after = 0;
	cJSON *errors = NULL;

	if (!read_bound(req, "limit", 1, limit_max, &limit))
		errors = http_errors_add(errors, "limit", "must be a whole number from 1 up to the listing's limit");
	if (!read_bound(req, "after", 0, INT64_MAX, &after))
		errors = http_errors_add(errors, "after", "must be a whole number, 0 or more");
	if (errors) {
		http_reply_invalid(req, errors);
		return false;
	}
	*ret_page =
		(struct http_page){.limit = (long)limit, .after = after, .was_asked = http_request_query(req, "limit") != NULL};
	return true;
}

/* nginx tells in X-Forwarded-Prefix what it cut off. */
void http_reply_next_page(struct http_request *req, const struct http_page *page, int64_t last)
{
	const char *prefix = http_request_header(req, "X-Forwarded-Prefix");
	bool has_prefix = req->has_api_prefix || (prefix && strcmp(prefix, "/api") == 0);
	char link[300];

	snprintf(link, sizeof link, "<%s%s?limit=%ld&after=%lld>; rel=\"next\"", has_prefix ? "/api" : "", req->route->path,
		 page->limit, (long long)last);
	http_reply_header(req, "Link", link);
}

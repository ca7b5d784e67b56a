#include "http/server_internal.h"

#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"

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
	http_access_record(req, code, len);
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
	http_access_record(req, code, body.len);
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
		json_write_text(json, message);
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

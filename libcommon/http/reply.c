#include "http/server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"

#define COPIED_BYTES_MAX 4096 /* a body under this is copied behind its head: cheaper than handing it over */

static const struct {
	int code;
	const char *line;
} status_lines[] = {
	{101, "HTTP/1.1 101 Switching Protocols\r\n"},
	{200, "HTTP/1.1 200 OK\r\n"},
	{201, "HTTP/1.1 201 Created\r\n"},
	{202, "HTTP/1.1 202 Accepted\r\n"},
	{204, "HTTP/1.1 204 No Content\r\n"},
	{304, "HTTP/1.1 304 Not Modified\r\n"},
	{308, "HTTP/1.1 308 Permanent Redirect\r\n"},
	{400, "HTTP/1.1 400 Bad Request\r\n"},
	{401, "HTTP/1.1 401 Unauthorized\r\n"},
	{403, "HTTP/1.1 403 Forbidden\r\n"},
	{404, "HTTP/1.1 404 Not Found\r\n"},
	{405, "HTTP/1.1 405 Method Not Allowed\r\n"},
	{409, "HTTP/1.1 409 Conflict\r\n"},
	{413, "HTTP/1.1 413 Content Too Large\r\n"},
	{414, "HTTP/1.1 414 URI Too Long\r\n"},
	{415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
	{417, "HTTP/1.1 417 Expectation Failed\r\n"},
	{422, "HTTP/1.1 422 Unprocessable Content\r\n"},
	{426, "HTTP/1.1 426 Upgrade Required\r\n"},
	{429, "HTTP/1.1 429 Too Many Requests\r\n"},
	{431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
	{500, "HTTP/1.1 500 Internal Server Error\r\n"},
	{501, "HTTP/1.1 501 Not Implemented\r\n"},
	{503, "HTTP/1.1 503 Service Unavailable\r\n"},
	{504, "HTTP/1.1 504 Gateway Timeout\r\n"},
	{505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

/* RFC 9112 §4: the reason may be empty, the space before it not. */
static void add_status_line(struct buf *out, int code)
{
	for (size_t i = 0; i < sizeof status_lines / sizeof *status_lines; i++)
		if (status_lines[i].code == code) {
			buf_text(out, status_lines[i].line);
			return;
		}
	buf_printf(out, "HTTP/1.1 %d \r\n", code);
}

/* RFC 9110 §6.6.1; made once a second. */
static void add_date(struct buf *out)
{
	static time_t made_s;
	static char line[48];
	time_t now_s = (time_t)(clock_unix_ms() / 1000);

	if (now_s != made_s) {
		struct tm parts;

		gmtime_r(&now_s, &parts);
		strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
		made_s = now_s;
	}
	buf_text(out, line);
}

/* ---- headers ---- */

static unsigned own_header(const char *name, const char *value)
{
	if (strcasecmp(name, "Cache-Control") == 0)
		return HTTP_OWN_CACHE_CONTROL;
	if (strcasecmp(name, "Connection") == 0)
		return HTTP_OWN_CONNECTION | (strcasecmp(value, "close") == 0 ? HTTP_OWN_CLOSES : 0);
	if (strcasecmp(name, "WWW-Authenticate") == 0)
		return HTTP_OWN_AUTHENTICATE;
	return strcasecmp(name, "Retry-After") == 0 ? HTTP_OWN_RETRY_AFTER : 0;
}

static void add_header(struct buf *out, const char *name, const char *value)
{
	buf_text(out, name);
	buf_add(out, ": ", 2);
	buf_text(out, value);
	buf_add(out, "\r\n", 2);
}

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	if (strpbrk(name, "\r\n:") || strpbrk(value, "\r\n")) {
		log_line(LOG_WARN, "a reply header was refused", LOG_TEXT("name", name));
		return;
	}
	req->own_headers |= own_header(name, value);
	add_header(&req->headers, name, value);
}

/* The connection closes after this reply: its client wants it, or the handler, or the server drains. */
static bool is_last(const struct http_request *req)
{
	return !req->parser.keeps_alive || req->server->is_draining || (req->own_headers & HTTP_OWN_CLOSES);
}

static void add_common_headers(struct http_request *req, struct buf *out, int code)
{
	unsigned own = req->own_headers;

	add_header(out, "X-Request-ID", req->id);
	if (!(own & HTTP_OWN_CACHE_CONTROL))
		buf_text(out, "Cache-Control: no-store\r\n");
	if (!(own & HTTP_OWN_CLOSES) && is_last(req))
		buf_text(out, "Connection: close\r\n");
	else if (!(own & HTTP_OWN_CONNECTION) && req->parser.minor_version == 0)
		buf_text(out, "Connection: keep-alive\r\n");
	if (code == 401 && !(own & HTTP_OWN_AUTHENTICATE))
		buf_text(out, "WWW-Authenticate: Bearer realm=\"abacus\"\r\n");
	if ((code == 429 || code == 503) && !(own & HTTP_OWN_RETRY_AFTER))
		buf_text(out, "Retry-After: 1\r\n");
	buf_add(out, req->headers.bytes, req->headers.len);
	buf_add(out, "\r\n", 2);
}

static void add_head(struct http_request *req, struct buf *out, int code, const char *content_type, size_t len)
{
	add_status_line(out, code);
	add_date(out);
	if (code != 304 && code != 204) {
		add_header(out, "Content-Type", content_type);
		buf_text(out, "Content-Length: ");
		buf_int(out, (int64_t)len);
		buf_add(out, "\r\n", 2);
	}
	add_common_headers(req, out, code);
}

void http_reply_head_without_end(struct http_request *req, int code, struct buf *out)
{
	add_status_line(out, code);
	add_date(out);
	add_header(out, "X-Request-ID", req->id);
	buf_add(out, req->headers.bytes, req->headers.len);
	buf_add(out, "\r\n", 2);
}

/* ---- replies ---- */

static bool wants_body(const struct http_request *req, int code)
{
	return code != 304 && code != 204 && strcmp(req->method, "HEAD") != 0;
}

/* The request ends here, or when its handler returns. */
static void finish(struct http_request *req, int code, size_t len)
{
	struct http_connection *conn = req->conn;

	http_access_record(req, code, len);
	conn->is_last |= is_last(req);
	http_connection_replied(conn);
	req->is_answered = true;
	if (req->is_in_handler)
		return;
	http_request_end(req);
	http_connection_proceed(conn);
}

void http_reply(struct http_request *req, int code, const char *content_type, const char *body, size_t len)
{
	struct buf *out = &req->conn->io->out;

	add_head(req, out, code, content_type, len);
	if (wants_body(req, code))
		buf_add(out, body, len);
	finish(req, code, len);
}

void http_reply_buf(struct http_request *req, int code, struct buf *json)
{
	struct buf body = *json; /* json may lie in the request's own memory, which ends with it */
	struct http_io *io = req->conn->io;

	*json = (struct buf){0};
	add_head(req, &io->out, code, "application/json", body.len);
	if (wants_body(req, code) && body.len < COPIED_BYTES_MAX)
		buf_add(&io->out, body.bytes, body.len);
	if (wants_body(req, code) && body.len >= COPIED_BYTES_MAX)
		io->body = body;
	else
		buf_free(&body);
	finish(req, code, body.len);
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
	json_write_object(json);
	json_write_member_text(json, "status", "success");
	if (message)
		json_write_member_text(json, "message", message);
	json_write_key(json, "data");
}

/* A method or a version that we do not know is the client's fault, though the codes are above 500. */
static const char *status_word(int code)
{
	return code < 500 || code == 501 || code == 505 ? "fail" : "error";
}

static cJSON *failure(const struct http_request *req, int code, const char *code_word, const char *message)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "status", status_word(code));
	cJSON_AddStringToObject(json, "message", message);
	cJSON_AddStringToObject(json, "code", code_word);
	cJSON_AddStringToObject(json, "request_id", req->id);
	return json;
}

void http_reply_fail(struct http_request *req, int code, const char *code_word, const char *message)
{
	http_reply_json(req, code, failure(req, code, code_word, message));
}

void http_reply_fail_data(struct http_request *req, int code, const char *code_word, const char *message, cJSON *data)
{
	cJSON *json = failure(req, code, code_word, message);

	cJSON_AddItemToObject(json, "data", data);
	http_reply_json(req, code, json);
}

void http_reply_fail_fields(struct http_request *req, int code, const char *code_word, const char *message, cJSON *errors)
{
	cJSON *json = failure(req, code, code_word, message);

	cJSON_AddItemToObject(json, "errors", errors ? errors : cJSON_CreateArray());
	http_reply_json(req, code, json);
}

void http_reply_invalid(struct http_request *req, cJSON *errors)
{
	http_reply_fail_fields(req, 400, "invalid_payload", "Invalid payload.", errors);
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

/* ---- refused messages ---- */

static const char *code_word(int code)
{
	switch (code) {
	case 413:
		return "body_too_large";
	case 414:
		return "uri_too_long";
	case 417:
		return "expectation_failed";
	case 431:
		return "headers_too_large";
	case 501:
		return "not_implemented";
	case 505:
		return "version_not_supported";
	default:
		return "bad_request";
	}
}

void http_reply_refusal(struct http_request *req, const struct http_rule *rule)
{
	cJSON *json = failure(req, rule->code, code_word(rule->code), rule->message);
	char *body = cJSON_PrintUnformatted(json);
	struct buf *out = &req->conn->io->out;

	req->parser.keeps_alive = false;
	add_head(req, out, rule->code, "application/json", strlen(body));
	buf_text(out, body);
	http_access_record_refusal(req, rule);
	cJSON_free(body);
	cJSON_Delete(json);
}

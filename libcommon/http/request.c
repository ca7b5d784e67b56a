/* One request, from the moment that evhttp has read it whole.
 * Flow: received -> checked (framing, size, route) -> authenticate -> http_request_proceed -> handler -> a reply, now or later.
 */
#include "http/server_internal.h"

#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/guard.h"

static const char *method_name(enum evhttp_cmd_type command)
{
	switch (command) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	case EVHTTP_REQ_OPTIONS:
		return "OPTIONS";
	case EVHTTP_REQ_TRACE:
		return "TRACE";
	case EVHTTP_REQ_CONNECT:
		return "CONNECT";
	case EVHTTP_REQ_PATCH:
		return "PATCH";
	}
	return "OTHER";
}

#define ID_BYTES 16

/* The kernel is asked once for many. */
void http_request_make_id(char id[HTTP_ID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	static unsigned char random_bytes[16 * ID_BYTES];
	static size_t used = sizeof random_bytes;

	if (used == sizeof random_bytes) {
		if (getrandom(random_bytes, sizeof random_bytes, 0) != sizeof random_bytes)
			abort();
		used = 0;
	}
	for (int i = 0; i < ID_BYTES; i++) {
		*id++ = digits[random_bytes[used] >> 4];
		*id++ = digits[random_bytes[used++] & 15];
	}
	*id = '\0';
}

static void set_id(struct http_request *req)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *given = http_request_header(req, "X-Request-ID");
	size_t len = given ? strspn(given, allowed) : 0;
	if (len > 0 && len < sizeof req->id && !given[len]) {
		memcpy(req->id, given, len + 1);
		return;
	}
	http_request_make_id(req->id);
}

static struct http_request *request_new(struct http_server *server, struct evhttp_request *ev)
{
	struct http_request *req = mem_alloc(sizeof *req);
	struct http_connection *conn = http_connection_of(server, ev);

	if (ev->major == 1 && ev->minor > 1)
		ev->minor = 1; /* RFC 9110 §2.5: we speak 1.1, and evhttp would answer in the peer's own version */
	req->server = server;
	req->conn = conn;
	req->ev = ev;
	req->method = method_name(evhttp_request_get_command(ev));
	req->started_us = clock_monotonic_us();
	scope_init(&req->scope);
	set_id(req);
	conn->request = req;
	conn->reading_since_us = 0;
	server->in_flight++;
	return req;
}

void http_request_end(struct http_request *req)
{
	struct http_memory *memory;

	scope_cancel(&req->scope);
	while ((memory = req->memory)) {
		req->memory = memory->next;
		if (memory->drop)
			memory->drop(memory->bytes);
		free(memory);
	}
	cJSON_Delete(req->json);
	if (req->has_query)
		evhttp_clear_headers(&req->query);
	free(req);
}

void http_request_left(struct http_request *req)
{
	struct evhttp_request *ev = req->ev;

	http_access_record(req, 499, 0);
	http_request_end(req);
	if (!evhttp_request_get_connection(ev))
		evhttp_request_free(ev);
}

/* The path after a leading /api, which nginx cuts off and a cloud load balancer does not; NULL when there is none. */
static const char *path_of(struct http_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req->ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	if (path && strncmp(path, "/api/", 5) == 0) {
		req->has_api_prefix = true;
		return path + 4;
	}
	return path;
}

static void refuse_and_close(struct http_request *req, int code, const char *code_word, const char *message)
{
	http_reply_header(req, "Connection", "close");
	http_reply_fail(req, code, code_word, message);
}

/* True when the request may go on; false when it has been answered. */
static bool is_acceptable(struct http_request *req)
{
	const char *problem = http_guard_problem(req->ev), *path;
	char allow[128];

	if (problem) {
		refuse_and_close(req, 400, "bad_request", problem);
		return false;
	}
	if (evbuffer_get_length(evhttp_request_get_input_buffer(req->ev)) > (size_t)req->server->config.body_bytes_max) {
		refuse_and_close(req, 413, "body_too_large", "The body is too large.");
		return false;
	}
	path = path_of(req);
	switch (path ? http_router_find(req, path) : HTTP_MATCH_NO_PATH) {
	case HTTP_MATCH_FOUND:
		return true;
	case HTTP_MATCH_NO_METHOD:
		http_router_allow(req, path, allow, sizeof allow);
		http_reply_header(req, "Allow", allow);
		http_reply_fail(req, 405, "method_not_allowed", "Method not allowed.");
		return false;
	case HTTP_MATCH_NO_PATH:
		break;
	}
	http_reply_fail(req, 404, "not_found", "Not found.");
	return false;
}

static bool is_json_by_name(const char *content_type)
{
	size_t len = content_type ? strcspn(content_type, "; \t") : 0;

	return len == strlen("application/json") && strncasecmp(content_type, "application/json", len) == 0;
}

bool http_request_read_json(struct http_request *req)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(req->ev);
	size_t len = evbuffer_get_length(body);

	if (len > 0 && !is_json_by_name(http_request_header(req, "Content-Type"))) {
		http_reply_fail(req, 415, "unsupported_media_type", "The body must be application/json.");
		return false;
	}
	if (len == 0) {
		http_reply_invalid(req, NULL);
		return false;
	}
	if (json_parse((const char *)evbuffer_pullup(body, -1), len, &req->json) != STATUS_OK) {
		http_reply_fail(req, 400, "malformed_json", "Invalid payload.");
		return false;
	}
	if (!cJSON_IsObject(req->json)) {
		http_reply_invalid(req, NULL);
		return false;
	}
	return true;
}

/* A handler may reply at once; its request must then outlive it, until it has returned. */
static void run(struct http_request *req, http_handler *handle)
{
	bool is_nested = req->is_in_handler;

	req->is_in_handler = true;
	handle(req);
	if (is_nested)
		return;
	req->is_in_handler = false;
	if (req->is_answered)
		http_request_end(req);
	else
		http_connection_watch(req->conn);
}

static void read_and_handle(struct http_request *req)
{
	if (!req->route->wants_json || http_request_read_json(req))
		req->route->handle(req);
}

void http_request_proceed(struct http_request *req)
{
	run(req, read_and_handle);
}

static void check_and_handle(struct http_request *req)
{
	if (!is_acceptable(req))
		return;
	if (req->route->wants_token && req->server->authenticate)
		req->server->authenticate(req);
	else
		read_and_handle(req);
}

void http_request_received(struct evhttp_request *ev, void *server)
{
	run(request_new(server, ev), check_and_handle);
}

void *http_request_service(const struct http_request *req)
{
	return req->server->service;
}

struct scope *http_request_scope(struct http_request *req)
{
	return &req->scope;
}

const char *http_request_id(const struct http_request *req)
{
	return req->id;
}

const char *http_request_method(const struct http_request *req)
{
	return req->method;
}

/* The position of a name among the route's parameters is its place in req->params. */
const char *http_request_param(const struct http_request *req, const char *name)
{
	size_t len = strlen(name);
	int place = 0;

	for (const char *open = strchr(req->route->path, '{'); open && place < HTTP_PARAMS_MAX;
	     open = strchr(open + 1, '{'), place++)
		if (strncmp(open + 1, name, len) == 0 && open[1 + len] == '}')
			return req->params[place];
	return NULL;
}

const char *http_request_query(struct http_request *req, const char *name)
{
	const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req->ev));

	if (!text)
		return NULL;
	if (!req->has_query) {
		req->has_query = true;
		if (evhttp_parse_query_str(text, &req->query) < 0)
			TAILQ_INIT(&req->query);
	}
	return evhttp_find_header(&req->query, name);
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(req->ev), name);
}

const char *http_request_remote_ip(struct http_request *req)
{
	char *peer = NULL;
	ev_uint16_t port;

	if (!req->remote_ip[0] && evhttp_request_get_connection(req->ev)) {
		evhttp_connection_get_peer(evhttp_request_get_connection(req->ev), &peer, &port);
		forwarded_address(req->server->trusted, peer ? peer : "", http_request_header(req, "X-Forwarded-For"),
				  req->remote_ip, sizeof req->remote_ip);
	}
	return req->remote_ip;
}

const cJSON *http_request_json(const struct http_request *req)
{
	return req->json;
}

const struct http_route *http_request_route(const struct http_request *req)
{
	return req->route;
}

void http_request_set_context(struct http_request *req, void *context)
{
	req->context = context;
}

void *http_request_context(const struct http_request *req)
{
	return req->context;
}

void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory))
{
	struct http_memory *memory = mem_alloc(sizeof *memory + bytes);

	memory->drop = drop;
	memory->next = req->memory;
	req->memory = memory;
	return memory->bytes;
}

void http_request_set_user(struct http_request *req, int64_t user_id)
{
	req->user_id = user_id;
}

int64_t http_request_user_id(const struct http_request *req)
{
	return req->user_id;
}

/* One request, from the moment that its message is whole.
 * Flow: run -> checked (method, route) -> authenticate -> http_request_proceed -> handler -> a reply, now or later. */
#include "http/server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/forwarded.h"
#include "net/url.h"

#define ID_DIGITS 32
#define SPARE_REQUESTS_MAX 32

/* Under AddressSanitizer each request has memory of its own, so that a use after its end is found. */
#ifdef __SANITIZE_ADDRESS__
#define SPARES_ARE_KEPT false
#else
#define SPARES_ARE_KEPT true
#endif

/* ---- beginning and end ---- */

struct http_request *http_request_new(struct http_connection *conn)
{
	struct http_server *server = conn->server;
	struct http_request *req = server->spare_requests;
	struct buf headers;

	if (req) {
		server->spare_requests = req->next_spare;
		server->spare_requests_count--;
	} else {
		req = mem_alloc(sizeof *req);
	}
	headers = req->headers;
	headers.len = 0;
	memset(req, 0, offsetof(struct http_request, parser)); /* what is behind it is written before it is read */
	req->tag = HTTP_REQUEST_TAG;
	req->headers = headers;
	req->server = server;
	req->conn = conn;
	scope_init(&req->scope);
	http_parser_init(&req->parser, (size_t)server->config.header_bytes_max, (uint64_t)server->config.body_bytes_max);
	return req;
}

static void request_free(struct http_request *req)
{
	buf_free(&req->headers);
	req->tag = 0;
	free(req);
}

void http_request_end(struct http_request *req)
{
	struct http_server *server = req->server;
	struct http_memory *memory;

	scope_cancel(&req->scope);
	while ((memory = req->memory)) {
		req->memory = memory->next;
		if (memory->drop)
			memory->drop(memory->bytes);
		if (memory->is_apart)
			free(memory);
	}
	cJSON_Delete(req->json);
	if (!SPARES_ARE_KEPT || server->spare_requests_count == SPARE_REQUESTS_MAX) {
		request_free(req);
		return;
	}
	req->tag = 0;
	req->next_spare = server->spare_requests;
	server->spare_requests = req;
	server->spare_requests_count++;
}

void http_request_free_spares(struct http_server *server)
{
	struct http_request *req;

	while ((req = server->spare_requests)) {
		server->spare_requests = req->next_spare;
		request_free(req);
	}
}

/* Its strings stand in the connection's input, each before a byte that the parser is done with: a space, a colon or a line's
 * end. */
static char *text_of(const struct http_request *req, const struct http_slice *slice)
{
	char *text = req->message + slice->start;

	text[slice->len] = '\0';
	return text;
}

/* Of several fields with one name, which are one list (RFC 9110 §5.3), the one with its right end. */
static const char *last_header(const struct http_request *req, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = req->parser.field_count; i-- > 0;) {
		const struct http_field *field = &req->parser.fields[i];

		if (field->name.len == len && strncasecmp(req->message + field->name.start, name, len) == 0)
			return text_of(req, &field->value);
	}
	return NULL;
}

static void set_id(struct http_request *req)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *given = http_request_header(req, "X-Request-ID");
	size_t len = given ? strspn(given, allowed) : 0;

	if (len > 0 && len < sizeof req->id && !given[len])
		memcpy(req->id, given, len + 1);
	else
		random_hex(req->id, ID_DIGITS);
}

/* Two of them are as malformed as none (Trace Context §3.2). */
static void set_trace(struct http_request *req)
{
	const char *given = http_request_header(req, "traceparent");
	char client[ADDRESS_NETWORK_BYTES] = "";

	if (trace_is_enabled()) /* else it does not matter, and the address may never be needed */
		address_network(http_request_remote_ip(req), client);
	trace_begin(&req->trace, given == last_header(req, "traceparent") ? given : NULL, client);
	req->scope.trace = &req->trace;
}

void http_request_set_ids(struct http_request *req)
{
	set_id(req);
	if (!req->server->is_quiet)
		set_trace(req);
}

/* Path and query of the target (RFC 9112 §3.2): of an absolute one what follows its authority; of "*" and of CONNECT's there is
 * no path. A leading /api, which nginx removes and a cloud load balancer does not, is not part of it. */
static void set_path(struct http_request *req)
{
	char *target = text_of(req, &req->parser.target), *query = strchr(target, '?'), *authority;

	if (query) {
		*query = '\0';
		req->query = query + 1;
	}
	if (*target != '/' && (authority = strstr(target, "://")))
		target = strchr(authority + 3, '/') ? strchr(authority + 3, '/') : (char *)(uintptr_t) "/";
	if (*target != '/')
		return;
	req->has_api_prefix = strncmp(target, "/api/", 5) == 0;
	req->path = target + (req->has_api_prefix ? 4 : 0);
}

/* ---- on its way to the handler ---- */

static bool is_known_method(const char *method)
{
	static const char *const known[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(method, known[i]) == 0)
			return true;
	return false;
}

/* True when the request may go on; false when it has been answered. */
static bool is_acceptable(struct http_request *req)
{
	enum http_match match;
	char allow[128];

	if (!is_known_method(req->method)) {
		req->method = "OTHER"; /* for the log: a peer must not choose how long a line is */
		http_reply_header(req, "Connection", "close");
		http_reply_fail(req, 501, "not_implemented", "That method is not supported.");
		return false;
	}
	match = req->path ? http_router_find(req, req->path) : HTTP_MATCH_NO_PATH;
	switch (match) {
	case HTTP_MATCH_FOUND:
		return true;
	case HTTP_MATCH_NO_METHOD:
		http_router_allow(req, req->path, allow, sizeof allow);
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
	bool has_body = req->body_len > 0;

	if (has_body && !is_json_by_name(http_request_header(req, "Content-Type")))
		http_reply_fail(req, 415, "unsupported_media_type", "The body must be application/json.");
	else if (has_body && json_parse(req->message + req->body, req->body_len, &req->json) != STATUS_OK)
		http_reply_fail(req, 400, "malformed_json", "Invalid payload.");
	else if (!cJSON_IsObject(req->json))
		http_reply_invalid(req, NULL);
	else
		return true;
	return false;
}

/* A handler may reply at once; its request must then outlive it, until it has returned. True: it was answered, and is gone. */
static bool run(struct http_request *req, http_handler *handle)
{
	bool is_nested = req->is_in_handler;

	req->is_in_handler = true;
	handle(req);
	if (is_nested)
		return false;
	req->is_in_handler = false;
	if (!req->is_answered)
		return false;
	http_request_end(req);
	return true;
}

static void read_and_handle(struct http_request *req)
{
	if (!req->route->wants_json || http_request_read_json(req))
		req->route->handle(req);
}

void http_request_proceed(struct http_request *req)
{
	struct http_connection *conn = req->conn;

	if (run(req, read_and_handle))
		http_connection_proceed(conn);
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

void http_request_run(struct http_request *req)
{
	req->started_us = req->conn->since_us;
	req->method = text_of(req, &req->parser.method);
	set_path(req);
	http_request_set_ids(req);
	run(req, check_and_handle);
}

/* ---- accessors for handlers ---- */

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

const struct trace *http_request_trace(const struct http_request *req)
{
	return &req->trace;
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

/* Decoded where it stands: the text never becomes longer. What can not be decoded is left out. */
static void add_parameter(struct http_request *req, char *name)
{
	size_t name_len = strcspn(name, "="), len = strlen(name);
	char *value = name[name_len] ? name + name_len + 1 : name + name_len;
	size_t value_len = (size_t)(name + len - value);

	if (req->parameters_count == HTTP_QUERY_MAX || url_decode_query(value, value_len, value, value_len + 1) != STATUS_OK ||
	    url_decode_query(name, name_len, name, name_len + 1) != STATUS_OK)
		return;
	req->parameters[req->parameters_count++] = (struct http_parameter){name, value};
}

const char *http_request_query(struct http_request *req, const char *name)
{
	char *part;

	while ((part = strsep(&req->query, "&")))
		if (*part)
			add_parameter(req, part);
	for (unsigned i = 0; i < req->parameters_count; i++)
		if (strcmp(req->parameters[i].name, name) == 0)
			return req->parameters[i].value;
	return NULL;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	const struct http_slice *value = http_parser_field(&req->parser, req->message, name);

	return value ? text_of(req, value) : NULL;
}

const char *http_request_remote_ip(struct http_request *req)
{
	const char *forwarded = last_header(req, "X-Forwarded-For");

	if (!forwarded)
		return req->conn->peer;
	if (!req->remote_ip[0])
		forwarded_address(req->server->trusted, req->conn->peer, forwarded, req->remote_ip, sizeof req->remote_ip);
	return req->remote_ip;
}

bool http_request_is_forwarded(const struct http_request *req)
{
	return http_request_header(req, "X-Forwarded-For") && networks_contain(req->server->trusted, req->conn->peer);
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

/* From the request's own bytes while there are some. */
void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory))
{
	size_t align = alignof(max_align_t), size = (sizeof(struct http_memory) + bytes + align - 1) / align * align;
	struct http_memory *memory;

	if (SPARES_ARE_KEPT && size <= sizeof req->bytes - req->used) {
		memory = (struct http_memory *)(void *)(req->bytes + req->used);
		memset(memory, 0, size);
		req->used += size;
	} else {
		memory = mem_alloc(size);
		memory->is_apart = true;
	}
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

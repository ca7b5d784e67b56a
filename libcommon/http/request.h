/* One request, from the moment its head and body were read whole until its reply. The header of the caller's side: routes name
 * handlers, a handler reads the request by these calls and answers it by those of reply.h, stream.h or upgrade.h.
 *
 * A handler replies exactly once, now or later. Everything it starts takes http_request_scope(): when the client disconnects or
 * the deadline passes (504), the scope is cancelled, the destructors of http_request_alloc() run, and none of the scope's
 * callbacks runs any more. Strings are borrowed and live as long as the request, unless a line says otherwise. */
#ifndef ABACUS_HTTP_REQUEST_H
#define ABACUS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/scope.h"
#include "trace/trace.h"

struct http_request;

typedef void http_handler(struct http_request *req);

struct http_route {
	const char *method; /* "GET"; GET routes also answer HEAD, without the body */
	const char *path;   /* "/users/{id}": a parameter is one whole segment, at most 4 of them. A leading /api of the
			       request is removed before matching */
	http_handler *handle;
	bool wants_token; /* the function of http_server_set_auth() runs before the handler */
	bool wants_json;  /* 415 unless application/json (parameters allowed), 400 unless it parses to an object */
};

void *http_request_service(const struct http_request *req); /* the service of http_server_new() */
struct scope *http_request_scope(struct http_request *req);
/* X-Request-ID when it matches [A-Za-z0-9._-]{1,64}, else a random one. */
const char *http_request_id(const struct http_request *req);
/* Of this request; it began here unless the header traceparent says otherwise. */
const struct trace *http_request_trace(const struct http_request *req);
const char *http_request_method(const struct http_request *req);
/* A percent-decoded path segment. Never NULL for a name that the route's path declares. */
const char *http_request_param(const struct http_request *req, const char *name);
const char *http_request_query(struct http_request *req, const char *name);        /* NULL when absent */
const char *http_request_header(const struct http_request *req, const char *name); /* NULL when absent */
const char *http_request_remote_ip(struct http_request *req); /* right-most untrusted address of X-Forwarded-For */
const struct http_route *http_request_route(const struct http_request *req);

/* The body, when the route wants_json. */
const cJSON *http_request_json(const struct http_request *req);
/* What wants_json does, for a handler that checks something else first. False: the request has been answered. */
bool http_request_read_json(struct http_request *req) __attribute__((warn_unused_result));

/* Zeroed memory that lives as long as the request; drop (may be NULL) runs once when the request ends, however it ends. */
void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory));
/* One pointer of the service, handed from its authentication to its handlers. */
void http_request_set_context(struct http_request *req, void *context);
void *http_request_context(const struct http_request *req);
/* The caller, for the access log and for handlers behind wants_token. */
void http_request_set_user(struct http_request *req, int64_t user_id);
int64_t http_request_user_id(const struct http_request *req); /* 0: none */
/* Goes on after authentication: reads the body as the route requires, and runs the handler. */
void http_request_proceed(struct http_request *req);

#endif

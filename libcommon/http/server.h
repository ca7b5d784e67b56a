/* HTTP/1.1 server over evhttp: a table of routes with path parameters, strict framing (http_guard.h), limits and time-outs on
 * everything that a peer sends, request ids, access log, metrics per route, and JSON replies in the envelope of contract.md.
 *
 * A handler replies exactly once, now or later. Everything it starts takes http_request_scope(): when the client leaves or
 * the deadline passes (504), the scope is cancelled, destructors run, and no callback of it runs any more. */
#ifndef ABACUS_HTTP_SERVER_H
#define ABACUS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct http_server;
struct http_request;
struct http_auth;
struct http_connection;
struct evbuffer;

struct http_config {
	char *host;            /* HTTP_HOST 0.0.0.0 */
	long port;             /* PORT: the default is the service's, set by its own table */
	long body_bytes_max;   /* HTTP_BODY_BYTES_MAX 131072 */
	long header_bytes_max; /* HTTP_HEADER_BYTES_MAX 16384 */
	long read_timeout_s;   /* HTTP_READ_TIMEOUT_SECONDS 10: a whole request, header and body, from its first byte */
	long idle_timeout_s;   /* HTTP_IDLE_TIMEOUT_SECONDS 75: keep-alive connections */
	long deadline_ms;      /* HTTP_DEADLINE_MS 8000: a handler's time until 504 */
	long connections_max; /* HTTP_CONNECTIONS_MAX 10000; beyond it the oldest idle ones are closed, else new ones refused */
	char *trusted_proxies; /* TRUSTED_PROXIES "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16": whose
				  X-Forwarded-For counts */
};
extern const struct config_option http_options[]; /* all but PORT */

typedef void http_handler(struct http_request *req);

struct http_route {
	const char *method; /* "GET"; HEAD is answered by GET routes without the body */
	const char *path;   /* "/users/{id}": a parameter is one whole segment; at most 4. A leading /api is cut off before
			       matching */
	http_handler *handle;
	bool wants_token; /* checked before the handler, by http_server_set_auth()'s function */
	bool wants_json;  /* 415 unless application/json (parameters allowed), 400 unless it parses to an object */
};

/* routes end with an entry whose method is NULL. service_ctx comes back from http_request_service(). */
struct http_server *http_server_new(struct event_base *base, const struct http_config *config, const struct http_route *routes,
				    void *service_ctx);
/* Listens with SO_REUSEPORT and a backlog of 1024. port 0 picks one, http_server_port() tells. INTERNAL: logged. */
enum status http_server_listen(struct http_server *server) MUST_CHECK;
/* Before http_server_listen(): connections wait in the kernel's queue until is_ready() says yes, or a second has passed, so
 * that a restart is a short wait and no 503. The reason is not looked at. */
void http_server_accept_when(struct http_server *server, bool (*is_ready)(void *service, const char **ret_reason));
int http_server_port(const struct http_server *server);
/* Stops accepting and closes idle connections; replies still out carry Connection: close; `drained` runs once none is left. */
void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg);
void http_server_free(struct http_server *server);
unsigned http_server_in_flight(const struct http_server *server);
/* Called for routes that want a token before their handler: replies itself or calls http_request_proceed() later or at once. */
void http_server_set_auth(struct http_server *server, http_handler *authenticate);
void http_request_proceed(struct http_request *req);
/* Without: no access log, no metrics (the admin listener). */
void http_server_set_quiet(struct http_server *server);
/* Registers http_requests_total and http_request_duration_seconds for each route: before metrics_share(), once a daemon. */
void http_server_register_metrics(const struct http_route *routes);

void *http_request_service(const struct http_request *req);
struct scope *http_request_scope(struct http_request *req);
const char *http_request_id(const struct http_request *req); /* X-Request-ID if it is sane ([A-Za-z0-9._-]{1,64}), else made */
const char *http_request_method(const struct http_request *req);
const char *http_request_param(const struct http_request *req,
			       const char *name); /* percent-decoded path segment; never NULL for a declared one */
const char *http_request_query(struct http_request *req, const char *name);        /* NULL when absent */
const char *http_request_header(const struct http_request *req, const char *name); /* NULL when absent */
const char *http_request_remote_ip(struct http_request *req);   /* right-most untrusted address of X-Forwarded-For */
const cJSON *http_request_json(const struct http_request *req); /* the body, when the route wants_json */
/* What wants_json does, for a handler that checks something else first: false when it has answered the request. */
bool http_request_read_json(struct http_request *req) MUST_CHECK;
const struct http_route *http_request_route(const struct http_request *req);
/* One pointer of the service's own, from its authentication to its handlers. */
void http_request_set_context(struct http_request *req, void *context);
void *http_request_context(const struct http_request *req);
/* Zeroed memory that lives as long as the request; drop (may be NULL) runs once when it ends, however it ends. */
void *http_request_alloc(struct http_request *req, size_t bytes, void (*drop)(void *memory));
/* For the access log, and for handlers behind wants_token. */
void http_request_set_user(struct http_request *req, int64_t user_id, bool is_admin);
int64_t http_request_user_id(const struct http_request *req); /* 0: none */
bool http_request_is_admin(const struct http_request *req);

/* Before the reply. Values with CR or LF are refused (dropped and logged). */
void http_reply_header(struct http_request *req, const char *name, const char *value);
/* Each of these ends the request. Content-Type is exactly application/json but where given. body is copied. */
void http_reply(struct http_request *req, int code, const char *content_type, const char *body, size_t len);
void http_reply_json(struct http_request *req, int code, cJSON *json);     /* takes json */
void http_reply_buf(struct http_request *req, int code, struct buf *json); /* takes the bytes; buf is empty afterwards */
/* {"status":"success","message":…,"data":…}; either may be NULL; takes data */
void http_reply_success(struct http_request *req, int code, const char *message, cJSON *data);
/* The same without a tree, for hot replies: begins {"status":"success","message":…,"data": and the caller adds the data and
 * "}". */
void http_success_begin(struct buf *json, const char *message);
/* {"status":"fail"|"error","message","code","request_id"}: fail below 500. 401 adds WWW-Authenticate: Bearer; 429 and 503 add
 * Retry-After: 1 unless http_reply_header() set one. */
void http_reply_fail(struct http_request *req, int code, const char *code_word, const char *message);
/* 400 "Invalid payload." with "errors":[{"field","message"}]; takes errors (array; NULL: none) */
void http_reply_invalid(struct http_request *req, cJSON *errors);
cJSON *http_errors_add(cJSON *errors, const char *field, const char *message); /* errors NULL makes the array; returns it */
void http_reply_status(struct http_request *req, enum status status);          /* by status_info() */

/* ?limit=&after= of a listing. Replies itself with 400 and returns false when they are wrong. after 0: from the start. */
struct http_page {
	long limit;
	int64_t after;
	bool was_asked;
};
bool http_request_page(struct http_request *req, long limit_default, long limit_max, struct http_page *ret_page) MUST_CHECK;
/* Link: <path?limit=&after=>; rel="next" (RFC 8288); path as the client sees it, /api included where it came with it */
void http_reply_next_page(struct http_request *req, const struct http_page *page, int64_t last);

/* A reply without an end, server-sent events say: bytes as there are any, until one side has had enough. It has no time limit,
 * and its connection ends with it. The owner says something now and then, so that a reader who is gone is noticed. */
struct http_stream;
#define HTTP_STREAM_BYTES_MAX (256 * 1024)
/* Replies 200 with the headers of http_reply_header() and ends the request, as every reply does. `ended` runs once when the
 * reader has left, has let more than HTTP_STREAM_BYTES_MAX wait, or the server drains or is freed; the stream is gone then. It
 * never runs from within a call here. NULL: answered otherwise, HEAD by the headers alone, and 503 while the server drains. */
struct http_stream *http_stream_start(struct http_request *req, const char *content_type, void (*ended)(void *arg),
				      void *arg) MUST_CHECK;
/* Copied. Sent at once as far as the socket takes it. */
void http_stream_write(struct http_stream *stream, const char *bytes, size_t len);
size_t http_stream_waiting(const struct http_stream *stream); /* bytes that the reader has not taken */
/* What waits is still sent. The stream is the server's from here on, and `ended` does not run. */
void http_stream_end(struct http_stream *stream);

/* Leaving HTTP (RFC 9110 §15.2.2): the connection of req speaks another protocol from here on. It counts as in flight until it
 * is closed, has no time limit any more, and is never closed for a new one. All of these run on the loop's thread and not
 * before http_reply_upgrade() has returned; nothing follows `closed`. */
struct http_upgrade_calls {
	void (*readable)(void *arg); /* there is input, or more of it than `readable` left there */
	void (*written)(void *arg);  /* the output is empty again, after http_upgrade_write() had left some */
	void (*left)(void *arg);     /* the peer closed its side, or the connection broke: close it, from the loop */
	void (*draining)(void *arg); /* the server drains, and waits for this connection's end */
	void (*closed)(void *arg);   /* exactly once, also from within http_upgrade_close() and http_server_free() */
};
/* HTTP/1.1 and no body (RFC 9110 §7.8). */
bool http_request_can_upgrade(const struct http_request *req);
/* Answers 101 with the headers of http_reply_header() and ends the request. Not while the server drains: that is answered with
 * 503, and NULL is returned. calls is static. At most input_bytes_max are kept unread. */
struct http_connection *http_reply_upgrade(struct http_request *req, const struct http_upgrade_calls *calls,
					   size_t input_bytes_max, void *arg) MUST_CHECK;
struct evbuffer *http_upgrade_input(struct http_connection *conn);
struct evbuffer *http_upgrade_output(struct http_connection *conn);
/* Sends what is in the output: at once what the socket takes, the rest as it goes. */
void http_upgrade_write(struct http_connection *conn);
/* No more will be sent; the peer reads an end. */
void http_upgrade_shut(struct http_connection *conn);
/* Ends it and forgets what was not sent. Not from within a call of http_upgrade_calls. */
void http_upgrade_close(struct http_connection *conn);

#endif

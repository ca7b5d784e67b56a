/* What the files of the HTTP server share; nobody else includes it.
 *
 *   server.c      listener, limits, drain, the sweep that ends what takes too long
 *   connection.c  one record a connection: when did its request begin, which request is being answered
 *   request.c     one request: context, accessors, its end
 *   router.c      method and path to route
 *   reply.c       replies
 *   access.c      access log, metrics
 *   page.c        paging of listings
 *   refusal.c     our envelope in place of evhttp's own pages
 *   upgrade.c     a connection that leaves HTTP
 *   stream.c      replies without an end
 *   guard.c       framing */
#ifndef ABACUS_HTTP_INTERNAL_H
#define ABACUS_HTTP_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sys/queue.h>

#include "base/config.h"
#include "base/metrics.h"
#include "base/scope.h"
#include "http/access.h"
#include "http/page.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/upgrade.h"
#include "net/forwarded.h"

#define HTTP_ID_BYTES 65
#define HTTP_PARAMS_MAX 4
#define HTTP_PARAM_BYTES_MAX 256
/* A reply up to this goes out in one write(2): a process that is killed has then sent it whole or not at all, and the proxy can
 * ask another. libevent's own limit is 16 KiB. */
#define HTTP_WRITE_BYTES (192 * 1024)

struct http_connection {
	struct http_server *server;
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* NULL until http_connection_adopt() */
	int64_t reading_since_us;        /* 0: no request is being read */
	int64_t idle_since_us;
	struct http_request *request;             /* being answered, or NULL */
	bool is_writing;                          /* its reply is on its way out */
	const struct http_upgrade_calls *upgrade; /* NULL: it speaks HTTP */
	void *upgrade_arg;
	bool is_refused; /* is in the server's list `refused` */
	LIST_ENTRY(http_connection) link, refused_link;
};
LIST_HEAD(http_connections, http_connection);

struct http_server {
	struct event_base *base;
	struct http_config config;
	const struct http_route *routes;
	void *service;
	struct evhttp *evhttp;
	struct evconnlistener *listener;
	struct evhttp_bound_socket *bound;
	struct event *listen_again; /* after EMFILE */
	struct event *accept;       /* asks is_ready */
	bool (*is_ready)(void *service, const char **ret_reason);
	int64_t accept_at_us; /* ready or not */
	struct event *sweep;
	struct loop_deferred *adopt, *refuse;
	struct http_connections newborn, connections, refused;
	struct http_connection **by_fd;
	size_t by_fd_count;
	unsigned connections_count, in_flight;
	struct networks *trusted;
	http_handler *authenticate;
	bool is_quiet, is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

struct http_memory { /* precedes what http_request_alloc() returns */
	struct http_memory *next;
	void (*drop)(void *memory);
	max_align_t bytes[];
};

struct http_request {
	struct http_server *server;
	struct http_connection *conn; /* NULL once the client has left */
	struct evhttp_request *ev;
	const struct http_route *route; /* NULL: none matched */
	struct scope scope;
	struct http_memory *memory;
	void *context;
	cJSON *json;
	struct evkeyvalq query;
	bool has_query, is_answered, is_in_handler, has_api_prefix;
	int64_t started_us, user_id;
	const char *method;
	char id[HTTP_ID_BYTES];
	char remote_ip[64];
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX];
};

/* server.c: above this a connection is not read any further until evhttp has taken some. */
size_t http_server_input_bytes_max(const struct http_server *server);

/* connection.c */
struct bufferevent *http_connection_accept(struct event_base *base, void *server);
void http_connection_adopt_all(void *server);
struct http_connection *http_connection_of(struct http_server *server, struct evhttp_request *ev);
void http_connection_close(struct http_connection *conn);
/* From now on the client's leaving is noticed, until the reply. */
void http_connection_watch(struct http_connection *conn);
/* Writes the reply that evhttp has just put into the connection's buffer, without waiting for the loop to say that it can be
 * written: nearly always it can, and three system calls are saved. */
void http_connection_write(struct http_connection *conn);

/* refusal.c: an evbuffer callback on a connection's output, with the connection; what then runs at the end of the turn;
 * and the connection's end. */
void http_refusal_output_changed(struct evbuffer *output, const struct evbuffer_cb_info *info, void *conn);
void http_refusal_put_all(void *server);
void http_refusal_forget(struct http_connection *conn);

/* request.c */
/* 32 hexadecimal digits. */
void http_request_make_id(char id[HTTP_ID_BYTES]);
void http_request_received(struct evhttp_request *ev, void *server);
/* Cancels the scope, runs destructors, frees; the evhttp request is not touched. */
void http_request_end(struct http_request *req);
/* The client left, and evhttp is about to free its connection. */
void http_request_left(struct http_request *req);

/* router.c */
enum http_match { HTTP_MATCH_FOUND, HTTP_MATCH_NO_PATH, HTTP_MATCH_NO_METHOD };
/* Fills req->route and req->params. path: decoded by the router itself, one segment at a time. */
enum http_match http_router_find(struct http_request *req, const char *path);
/* "GET, HEAD, POST" for a 405 */
void http_router_allow(const struct http_request *req, const char *path, char *text, size_t size);

/* access.c */
void http_access_record(struct http_request *req, int code, size_t bytes);
/* Of what never became a request. */
void http_access_record_refusal(const struct http_connection *conn, const char *id, int code);

/* upgrade.c: http_reply_upgrade() with another code. */
struct http_connection *http_upgrade_take(struct http_request *req, int code, const char *reason,
					  const struct http_upgrade_calls *calls, size_t input_bytes_max, void *arg);

#endif

/* HTTP/1.1 server: a table of routes with path parameters, strict framing, limits and time-outs on everything that a peer
 * sends, request ids, access log, metrics per route. What a handler does with a request is in request.h and reply.h. */
#ifndef ABACUS_HTTP_SERVER_H
#define ABACUS_HTTP_SERVER_H

#include <stdbool.h>

#include "base/config.h"
#include "base/status.h"
#include "http/request.h"

struct event_base;
struct http_server;

/* Each field's variable, default and meaning are in http_options. */
struct http_config {
	char *host;
	long port; /* PORT: its default is the service's, set by the service's own table */
	long body_bytes_max, header_bytes_max;
	long read_timeout_s, idle_timeout_s, deadline_ms;
	long connections_max, buffer_bytes_max;
	char *trusted_proxies;
};
extern const struct config_option http_options[]; /* all but PORT */

/* routes end with an entry whose method is NULL, and are static. service comes back from http_request_service(). */
struct http_server *http_server_new(struct event_base *base, const struct http_config *config, const struct http_route *routes,
				    void *service);
void http_server_free(struct http_server *server);
/* Called for routes that want a token, before their handler: it replies, or calls http_request_proceed() now or later. */
void http_server_set_auth(struct http_server *server, http_handler *authenticate);
/* No access log and no metrics: for the admin listener. */
void http_server_set_quiet(struct http_server *server);
/* Before http_server_listen(): connections wait in the kernel's queue until is_ready() returns true, or a second has passed, so
 * that a client waits for a moment during a restart and gets no 503. ret_reason is ignored. */
void http_server_accept_when(struct http_server *server, bool (*is_ready)(void *service, const char **ret_reason));
/* Listens with SO_REUSEPORT and a backlog of 1024. Port 0 picks one; http_server_port() returns it. INTERNAL: logged. */
enum status http_server_listen(struct http_server *server) MUST_CHECK;
int http_server_port(const struct http_server *server);

/* Stops accepting and closes idle connections; replies still out carry Connection: close; `drained` runs once none is left. */
void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg);
unsigned http_server_in_flight(const struct http_server *server);

#endif

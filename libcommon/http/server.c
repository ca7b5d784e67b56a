#include "http/server_internal.h"

#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define BACKLOG 1024
#define SWEEP_MS 500
#define ACCEPT_US 2000
#define ACCEPT_US_MAX 1000000
#define ALL_METHODS                                                                                                     \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | \
	 EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

const struct config_option http_options[] = {
	{"HTTP_HOST", CONFIG_TEXT, offsetof(struct http_config, host), "0.0.0.0", "address to listen on", 0, 0, false},
	{"HTTP_BODY_BYTES_MAX", CONFIG_INT, offsetof(struct http_config, body_bytes_max), "131072", "largest request body",
	 1024, 64 << 20, false},
	{"HTTP_HEADER_BYTES_MAX", CONFIG_INT, offsetof(struct http_config, header_bytes_max), "24576", "largest request head",
	 1024, 60000, false},
	{"HTTP_READ_TIMEOUT_SECONDS", CONFIG_INT, offsetof(struct http_config, read_timeout_s), "10",
	 "time for a whole request to arrive, from its first byte", 1, 3600, false},
	{"HTTP_IDLE_TIMEOUT_SECONDS", CONFIG_INT, offsetof(struct http_config, idle_timeout_s), "75",
	 "time a connection may be idle, or a reply unread", 1, 3600, false},
	{"HTTP_DEADLINE_MS", CONFIG_INT, offsetof(struct http_config, deadline_ms), "8000",
	 "time to answer a request, then 504", 100, 3600000, false},
	{"HTTP_CONNECTIONS_MAX", CONFIG_INT, offsetof(struct http_config, connections_max), "10000",
	 "connections at once; beyond it the longest idle one is closed", 10, 1000000, false},
	{"TRUSTED_PROXIES", CONFIG_TEXT, offsetof(struct http_config, trusted_proxies),
	 "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16", "networks whose X-Forwarded-For counts", 0, 0, false},
	{0},
};

/* Bodies a little too large are read, so that the 413 is ours and reaches the client. */
static long accepted_body_bytes(const struct http_server *server)
{
	return 2 * server->config.body_bytes_max;
}

/* evhttp takes a body only when all of it is there, so a whole one must fit; and a chunk's size line, which it never limits,
 * stays this small. */
size_t http_server_input_bytes_max(const struct http_server *server)
{
	return (size_t)(accepted_body_bytes(server) + server->config.header_bytes_max);
}

static void tell_when_drained(struct http_server *server)
{
	if (server->is_draining && server->in_flight == 0 && server->drained) {
		void (*drained)(void *arg) = server->drained;

		server->drained = NULL;
		drained(server->drained_arg);
	}
}

/* Ends what takes too long to arrive, and answers 504 to what takes too long to answer. evhttp's own time-outs are for each
 * wait alone, and none fires while reading is suspended. */
static void sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	int64_t now_us = clock_monotonic_us();
	int64_t read_limit_us = now_us - (int64_t)server->config.read_timeout_s * 1000000;
	int64_t answer_limit_us = now_us - (int64_t)server->config.deadline_ms * 1000;
	struct http_connection *conn = LIST_FIRST(&server->connections);

	while (conn) {
		struct http_connection *next = LIST_NEXT(conn, link);

		if (conn->request && conn->request->started_us < answer_limit_us) {
			http_reply_status(conn->request, STATUS_TIMEOUT);
		} else if (!conn->request && conn->reading_since_us && conn->reading_since_us < read_limit_us) {
			log_line(LOG_INFO, "a request took too long to arrive");
			http_connection_close(conn);
		}
		conn = next;
	}
	tell_when_drained(server);
}

static struct event *new_timer(struct http_server *server, short what, void (*run)(evutil_socket_t, short, void *))
{
	struct event *timer = event_new(server->base, -1, what, run, server);

	event_priority_set(timer, LOOP_PRIORITY_NORMAL);
	return timer;
}

static void listen_again(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;

	if (server->listener)
		evconnlistener_enable(server->listener);
}

static void accept_when_ready(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	const char *reason;

	if (!server->is_ready(server->service, &reason) && clock_monotonic_us() < server->accept_at_us)
		return;
	event_del(server->accept);
	listen_again(-1, 0, server);
}

struct http_server *http_server_new(struct event_base *base, const struct http_config *config, const struct http_route *routes,
				    void *service)
{
	struct http_server *server = mem_alloc(sizeof *server);

	server->base = base;
	server->config = *config;
	server->routes = routes;
	server->service = service;
	server->trusted = networks_parse(config->trusted_proxies);
	server->adopt = loop_deferred_new(base, http_connection_adopt_all, server);
	server->refuse = loop_deferred_new(base, http_refusal_put_all, server);
	LIST_INIT(&server->newborn);
	LIST_INIT(&server->connections);
	server->evhttp = evhttp_new(base);
	evhttp_set_bevcb(server->evhttp, http_connection_accept, server);
	evhttp_set_gencb(server->evhttp, http_request_received, server);
	evhttp_set_timeout(server->evhttp, (int)config->idle_timeout_s);
	evhttp_set_max_headers_size(server->evhttp, config->header_bytes_max);
	evhttp_set_max_body_size(server->evhttp, accepted_body_bytes(server));
	evhttp_set_allowed_methods(server->evhttp, ALL_METHODS);
	evhttp_set_default_content_type(server->evhttp, NULL);
	server->listen_again = new_timer(server, 0, listen_again);
	server->accept = new_timer(server, EV_PERSIST, accept_when_ready);
	server->sweep = new_timer(server, EV_PERSIST, sweep);
	event_add(server->sweep, &(struct timeval){.tv_usec = SWEEP_MS * 1000});
	return server;
}

/* Out of file descriptors, say: without a pause the listener would spin. */
static void accept_failed(struct evconnlistener *listener, void *arg)
{
	struct http_server *server = arg;

	log_line(LOG_WARN, "accepting failed", LOG_TEXT("reason", strerror(errno)));
	evconnlistener_disable(listener);
	event_add(server->listen_again, &(struct timeval){.tv_usec = 100000});
}

/* Linux hands them on to each accepted socket. */
static void set_socket_options(evutil_socket_t fd)
{
	int on = 1, send_bytes = HTTP_WRITE_BYTES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
}

enum status http_server_listen(struct http_server *server)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST}, *address = NULL;
	unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT;
	char port[16];

	snprintf(port, sizeof port, "%ld", server->config.port);
	if (getaddrinfo(server->config.host, port, &hints, &address) != 0) {
		log_line(LOG_ERROR, "HTTP_HOST is not an address", LOG_TEXT("host", server->config.host));
		return STATUS_INTERNAL;
	}
	server->listener =
		evconnlistener_new_bind(server->base, NULL, NULL, flags, BACKLOG, address->ai_addr, (int)address->ai_addrlen);
	freeaddrinfo(address);
	if (!server->listener) {
		log_line(LOG_ERROR, "can not listen", LOG_TEXT("host", server->config.host), LOG_TEXT("port", port),
			 LOG_TEXT("reason", strerror(errno)));
		return STATUS_INTERNAL;
	}
	set_socket_options(evconnlistener_get_fd(server->listener));
	server->bound = evhttp_bind_listener(server->evhttp, server->listener);
	evconnlistener_set_error_cb(server->listener, accept_failed);
	if (server->is_ready) {
		evconnlistener_disable(server->listener);
		server->accept_at_us = clock_monotonic_us() + ACCEPT_US_MAX;
		event_add(server->accept, &(struct timeval){.tv_usec = ACCEPT_US});
	}
	return STATUS_OK;
}

void http_server_accept_when(struct http_server *server, bool (*is_ready)(void *service, const char **ret_reason))
{
	server->is_ready = is_ready;
}

int http_server_port(const struct http_server *server)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char port[16];

	if (getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0)
		return 0;
	return atoi(port);
}

static void stop_listening(struct http_server *server)
{
	if (!server->listener)
		return;
	evhttp_del_accept_socket(server->evhttp, server->bound); /* frees the listener */
	server->listener = NULL;
}

void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
	struct http_connection *conn = LIST_FIRST(&server->connections);

	server->is_draining = true;
	server->drained = drained;
	server->drained_arg = arg;
	stop_listening(server);
	while (conn) {
		struct http_connection *next = LIST_NEXT(conn, link);

		if (conn->upgrade)
			conn->upgrade->draining(conn->upgrade_arg);
		else if (!conn->request && !conn->is_writing && !conn->reading_since_us)
			http_connection_close(conn);
		conn = next;
	}
	event_add(server->sweep, &(struct timeval){.tv_usec = 10000}); /* which tells, never from here */
}

void http_server_free(struct http_server *server)
{
	struct http_connection *conn;

	if (!server)
		return;
	http_connection_adopt_all(server);
	while ((conn = LIST_FIRST(&server->connections)))
		http_connection_close(conn);
	evhttp_free(server->evhttp);
	event_free(server->sweep);
	event_free(server->listen_again);
	event_free(server->accept);
	loop_deferred_free(server->adopt);
	loop_deferred_free(server->refuse);
	networks_free(server->trusted);
	free(server->by_fd);
	free(server);
}

unsigned http_server_in_flight(const struct http_server *server)
{
	return server->in_flight;
}

void http_server_set_auth(struct http_server *server, http_handler *authenticate)
{
	server->authenticate = authenticate;
}

void http_server_set_quiet(struct http_server *server)
{
	server->is_quiet = true;
}

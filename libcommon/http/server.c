#include "http/server_internal.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define SWEEP_MS 500
#define LINGER_MS 1000

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
	{"HTTP_BUFFER_BYTES_MAX", CONFIG_INT, offsetof(struct http_config, buffer_bytes_max), "67108864",
	 "requests and replies under way, of all connections; beyond it the slowest one is closed", 1 << 20, 1L << 40, false},
	{"TRUSTED_PROXIES", CONFIG_TEXT, offsetof(struct http_config, trusted_proxies),
	 "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7", "networks whose X-Forwarded-For counts", 0, 0,
	 false},
	{0},
};

/* ---- connections ---- */

void http_server_enter(struct http_connection *conn, enum http_state state)
{
	struct http_server *server = conn->server;

	if (conn->state != HTTP_STATES) {
		TAILQ_REMOVE(&server->connections[conn->state], conn, link);
		server->counts[conn->state]--;
	}
	conn->state = state;
	conn->since_us = server->now_us;
	TAILQ_INSERT_TAIL(&server->connections[state], conn, link);
	server->counts[state]++;
}

unsigned http_server_in_flight(const struct http_server *server)
{
	return server->counts[HTTP_ANSWERING] + server->counts[HTTP_WRITING] + server->counts[HTTP_UPGRADED];
}

static void reap(void *arg)
{
	struct http_server *server = OBJECT_OF(struct http_server, HTTP_SERVER_TAG, arg);
	struct http_connection *conn;

	while ((conn = TAILQ_FIRST(&server->connections[HTTP_CLOSED]))) {
		TAILQ_REMOVE(&server->connections[HTTP_CLOSED], conn, link);
		server->counts[HTTP_CLOSED]--;
		conn->tag = 0;
		free(conn);
	}
}

/* ---- time limits ---- */

/* Each list is in the order of time, so a look ends at the first whose time is not over. */
static struct http_connection *overdue(struct http_server *server, enum http_state state, int64_t limit_ms)
{
	struct http_connection *conn = TAILQ_FIRST(&server->connections[state]);

	return conn && conn->since_us < server->now_us - limit_ms * 1000 ? conn : NULL;
}

/* A request that is not whole is not in flight: a client that sends slowly must not delay the end. */
static void report_when_drained(struct http_server *server)
{
	void (*drained)(void *arg) = server->drained;

	if (!server->is_draining || !drained || http_server_in_flight(server) > 0)
		return;
	server->drained = NULL;
	drained(server->drained_arg);
}

static void sweep(void *arg)
{
	struct http_server *server = OBJECT_OF(struct http_server, HTTP_SERVER_TAG, arg);
	const struct http_config *config = &server->config;
	struct http_connection *conn;

	server->now_us = clock_monotonic_us();
	while ((conn = overdue(server, HTTP_IDLE, config->idle_timeout_s * 1000)))
		http_connection_close(conn);
	while ((conn = overdue(server, HTTP_READING, config->read_timeout_s * 1000))) {
		log_line(LOG_INFO, "a request took too long to arrive");
		http_connection_close(conn);
	}
	while ((conn = overdue(server, HTTP_ANSWERING, config->deadline_ms)))
		http_reply_status(conn->request, STATUS_TIMEOUT);
	while ((conn = overdue(server, HTTP_WRITING, config->idle_timeout_s * 1000)))
		http_connection_close(conn);
	while ((conn = overdue(server, HTTP_LINGERING, LINGER_MS)))
		http_connection_close(conn);
	report_when_drained(server);
}

/* ---- beginning and end ---- */

struct http_server *http_server_new(struct event_base *base, const struct http_config *config, const struct http_route *routes,
				    void *service)
{
	struct http_server *server = mem_alloc(sizeof *server);

	server->tag = HTTP_SERVER_TAG;
	server->base = base;
	server->config = *config;
	server->routes = routes;
	server->service = service;
	server->listener = server->reserve = -1;
	server->trusted = networks_parse(config->trusted_proxies);
	server->upgrade_input = evbuffer_new();
	for (enum http_state state = 0; state < HTTP_STATES; state++)
		TAILQ_INIT(&server->connections[state]);
	server->reap = loop_deferred_new(base, reap, server);
	server->accept_again = loop_timer_new(base, http_listener_resume, server);
	server->accept_when_ready = loop_timer_new(base, http_listener_look_if_ready, server);
	server->sweep = loop_every(base, SWEEP_MS, sweep, server);
	return server;
}

void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
	struct http_connection *conn, *next;

	server->is_draining = true;
	server->drained = drained;
	server->drained_arg = arg;
	http_listener_stop(server);
	for (conn = TAILQ_FIRST(&server->connections[HTTP_UPGRADED]); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		conn->upgrade->calls->draining(conn->upgrade->arg);
	}
	for (conn = TAILQ_FIRST(&server->connections[HTTP_IDLE]); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (!http_connection_has_unread(conn)) /* else its request is answered, and then it closes */
			http_connection_close(conn);
	}
	loop_timer_repeat(server->sweep, 10); /* which reports the end, never from here */
}

void http_server_free(struct http_server *server)
{
	struct http_connection *conn;

	if (!server)
		return;
	http_listener_stop(server);
	for (enum http_state state = 0; state < HTTP_CLOSED; state++)
		while ((conn = TAILQ_FIRST(&server->connections[state])))
			http_connection_close(conn);
	reap(server);
	http_io_free_spares(server);
	http_request_free_spares(server);
	loop_deferred_free(server->reap);
	loop_timer_free(server->accept_again);
	loop_timer_free(server->accept_when_ready);
	loop_timer_free(server->sweep);
	evbuffer_free(server->upgrade_input);
	networks_free(server->trusted);
	server->tag = 0;
	free(server);
}

void http_server_set_auth(struct http_server *server, http_handler *authenticate)
{
	server->authenticate = authenticate;
}

void http_server_set_quiet(struct http_server *server)
{
	server->is_quiet = true;
}

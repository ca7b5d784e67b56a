/* One record a connection. evhttp makes the connection after it has asked us for its bufferevent and tells nobody, so a new
 * record waits for the end of the loop's turn; by then evhttp's own callback argument, the evhttp_connection, can be read off
 * the bufferevent, and its close callback tells when the record must go. Nothing can be read or closed between the two. */
#include "http/server_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

static void input_changed(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_connection *conn = arg;

	if (!conn->request && !conn->upgrade && !conn->reading_since_us && evbuffer_get_length(input) > 0)
		conn->reading_since_us = clock_monotonic_us();
}

struct bufferevent *http_connection_accept(struct event_base *base, void *arg)
{
	struct http_server *server = arg;
	struct http_connection *conn = mem_alloc(sizeof *conn);

	conn->server = server;
	conn->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	conn->idle_since_us = clock_monotonic_us();
	bufferevent_priority_set(conn->bev, LOOP_PRIORITY_NORMAL);
	bufferevent_set_max_single_write(conn->bev, HTTP_WRITE_BYTES);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, http_server_input_bytes_max(server));
	evbuffer_add_cb(bufferevent_get_input(conn->bev), input_changed, conn);
	evbuffer_add_cb(bufferevent_get_output(conn->bev), http_refusal_output_changed, conn);
	LIST_INSERT_HEAD(&server->newborn, conn, link);
	loop_deferred_schedule(server->adopt);
	return conn->bev;
}

static void forget_fd(struct http_connection *conn)
{
	struct http_server *server = conn->server;

	for (evutil_socket_t fd = bufferevent_getfd(conn->bev); fd >= 0 && (size_t)fd < server->by_fd_count; fd = -1)
		if (server->by_fd[fd] == conn)
			server->by_fd[fd] = NULL;
}

/* evhttp frees the connection right after this. A request that is still being answered is then ours to free, if evhttp has let
 * go of it. */
static void closed(struct evhttp_connection *evcon, void *arg)
{
	struct http_connection *conn = arg;
	struct http_server *server = conn->server;
	struct http_request *req = conn->request;

	LIST_REMOVE(conn, link);
	http_refusal_forget(conn);
	forget_fd(conn);
	server->connections_count--;
	if (req || conn->is_writing || conn->upgrade)
		server->in_flight--;
	if (req)
		http_request_left(req);
	if (conn->upgrade)
		conn->upgrade->closed(conn->upgrade_arg);
	free(conn);
}

static void remember_fd(struct http_connection *conn, evutil_socket_t fd)
{
	struct http_server *server = conn->server;

	if ((size_t)fd >= server->by_fd_count) {
		size_t count = ((size_t)fd + 1) * 2;

		server->by_fd = mem_resize(server->by_fd, count * sizeof(struct http_connection *));
		for (size_t i = server->by_fd_count; i < count; i++)
			server->by_fd[i] = NULL;
		server->by_fd_count = count;
	}
	server->by_fd[fd] = conn;
}

static void close_longest_idle(struct http_server *server)
{
	struct http_connection *conn, *oldest = NULL;

	LIST_FOREACH (conn, &server->connections, link)
		if (!conn->request && !conn->is_writing && !conn->upgrade &&
		    (!oldest || conn->idle_since_us < oldest->idle_since_us))
			oldest = conn;
	if (oldest)
		http_connection_close(oldest);
}

static void adopt(struct http_connection *conn)
{
	struct http_server *server = conn->server;
	evutil_socket_t fd = bufferevent_getfd(conn->bev);
	void *evcon = NULL;

	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &evcon);
	conn->evcon = evcon;
	LIST_REMOVE(conn, link);
	LIST_INSERT_HEAD(&server->connections, conn, link);
	server->connections_count++;
	remember_fd(conn, fd);
	evhttp_connection_set_closecb(conn->evcon, closed, conn);
	if (server->is_draining)
		http_connection_close(conn);
	else if (server->connections_count > (unsigned)server->config.connections_max)
		close_longest_idle(server);
}

void http_connection_adopt_all(void *arg)
{
	struct http_server *server = arg;
	struct http_connection *conn;

	while ((conn = LIST_FIRST(&server->newborn)))
		adopt(conn);
}

struct http_connection *http_connection_of(struct http_server *server, struct evhttp_request *ev)
{
	evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev)));

	http_connection_adopt_all(server);
	return server->by_fd[fd];
}

void http_connection_close(struct http_connection *conn)
{
	evhttp_connection_free(conn->evcon);
}

/* evhttp stops reading while a request is answered and so does not see its client leave. Reading goes on without a read
 * callback: bytes of a next request wait in the buffer (up to its high watermark), and the end of the stream reaches evhttp's
 * error callback. */
void http_connection_watch(struct http_connection *conn)
{
	bufferevent_data_cb write_cb;
	bufferevent_event_cb event_cb;
	void *arg;

	bufferevent_getcb(conn->bev, NULL, &write_cb, &event_cb, &arg);
	bufferevent_setcb(conn->bev, NULL, write_cb, event_cb, arg);
	bufferevent_enable(conn->bev, EV_READ);
}

/* What is left when the socket is full is written by libevent as ever. When nothing is left, evhttp has to be told, at the end
 * of this turn of the loop, for it may free the connection. libevent keeps the start of the buffer frozen for all but itself.
 */
void http_connection_write(struct http_connection *conn)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);

	evbuffer_unfreeze(output, 1);
	evbuffer_write_atmost(output, bufferevent_getfd(conn->bev), HTTP_WRITE_BYTES);
	evbuffer_freeze(output, 1);
	if (evbuffer_get_length(output) > 0)
		return;
	bufferevent_disable(conn->bev, EV_WRITE);
	bufferevent_trigger(conn->bev, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
}

/* Accepts connections: up to the limit, and as long as there are descriptors. */
#include "http/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"

#define BACKLOG 1024
#define ACCEPTS_A_TURN 64
#define ACCEPT_AGAIN_MS 100 /* after there was no descriptor left */
#define ACCEPT_READY_MS 2
#define ACCEPT_READY_US_MAX 1000000
#define PEEKS_MAX 8
#define SLOW_US 1000000

void http_listener_resume(void *arg)
{
	struct http_server *server = OBJECT_OF(struct http_server, HTTP_SERVER_TAG, arg);

	if (server->listener < 0)
		return;
	if (server->reserve < 0)
		server->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	event_add(server->acceptable, NULL);
}

static unsigned open_connections(const struct http_server *server)
{
	unsigned count = 0;

	for (enum http_state state = 0; state < HTTP_CLOSED; state++)
		count += server->counts[state];
	return count;
}

/* The one that is closed for a new one. Skips an idle connection on which a request has arrived in this turn. When none is
 * idle, a request that takes long to arrive gives way, so that peers which send one byte each cannot keep everybody else out.
 */
static struct http_connection *least_needed(const struct http_server *server)
{
	struct http_connection *conn = TAILQ_FIRST(&server->connections[HTTP_LINGERING]);

	if (conn)
		return conn;
	conn = TAILQ_FIRST(&server->connections[HTTP_IDLE]);
	for (int i = 0; conn && http_connection_has_unread(conn); i++)
		conn = i < PEEKS_MAX ? TAILQ_NEXT(conn, link) : NULL;
	if (conn)
		return conn;
	conn = TAILQ_FIRST(&server->connections[HTTP_READING]);
	return conn && conn->since_us < server->now_us - SLOW_US ? conn : NULL;
}

/* Answers on the reserve descriptor, so that the client does not hang. */
static void refuse_one(struct http_server *server)
{
	static const char reply[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
				    "Connection: close\r\n\r\n";
	int fd;

	close(server->reserve);
	fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL);

		(void)n; /* the client is refused in any case */
		close(fd);
	}
	server->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without a pause the loop would spin, because the connection that was not accepted is still there. */
static void accepting_failed(struct http_server *server, int error)
{
	log_line(LOG_WARN, "accepting failed", LOG_TEXT("reason", strerror(error)));
	if ((error == EMFILE || error == ENFILE) && server->reserve >= 0)
		refuse_one(server);
	event_del(server->acceptable);
	loop_timer_start(server->accept_again, ACCEPT_AGAIN_MS);
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED;
}

static void acceptable(evutil_socket_t listener, short what, void *arg)
{
	struct http_server *server = OBJECT_OF(struct http_server, HTTP_SERVER_TAG, arg);

	server->now_us = clock_monotonic_us();
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct http_connection *conn, *other;
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof peer;
		int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (!is_passing(errno))
				accepting_failed(server, errno);
			return;
		}
		conn = http_connection_accept(server, fd, &peer);
		if (open_connections(server) <= (unsigned)server->config.connections_max)
			continue;
		other = least_needed(server);
		http_connection_close(other ? other : conn);
	}
}

void http_listener_look_if_ready(void *arg)
{
	struct http_server *server = OBJECT_OF(struct http_server, HTTP_SERVER_TAG, arg);
	const char *reason;

	if (!server->is_ready(server->service, &reason) && clock_monotonic_us() < server->accept_at_us)
		return;
	loop_timer_stop(server->accept_when_ready);
	http_listener_resume(server);
}

void http_server_accept_when(struct http_server *server, bool (*is_ready)(void *service, const char **ret_reason))
{
	server->is_ready = is_ready;
}

/* Linux hands them on to each accepted socket. */
static void set_socket_options(int fd)
{
	int on = 1, send_bytes = HTTP_WRITE_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
}

static int listen_on(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST}, *address = NULL;
	int fd;

	if (getaddrinfo(host, port, &hints, &address) != 0) {
		log_line(LOG_ERROR, "HTTP_HOST is not an address", LOG_TEXT("host", host));
		return -1;
	}
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		set_socket_options(fd);
	if (fd < 0 || bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		log_line(LOG_ERROR, "can not listen", LOG_TEXT("host", host), LOG_TEXT("port", port),
			 LOG_TEXT("reason", strerror(errno)));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(address);
	return fd;
}

enum status http_server_listen(struct http_server *server)
{
	char port[16];

	snprintf(port, sizeof port, "%ld", server->config.port);
	server->listener = listen_on(server->config.host, port);
	if (server->listener < 0)
		return STATUS_INTERNAL;
	server->acceptable = event_new(server->base, server->listener, EV_READ | EV_PERSIST, acceptable, server);
	if (!server->is_ready) {
		http_listener_resume(server);
		return STATUS_OK;
	}
	server->accept_at_us = clock_monotonic_us() + ACCEPT_READY_US_MAX;
	loop_timer_repeat(server->accept_when_ready, ACCEPT_READY_MS);
	return STATUS_OK;
}

int http_server_port(const struct http_server *server)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char port[16];

	if (getsockname(server->listener, (struct sockaddr *)&address, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0)
		return 0;
	return atoi(port);
}

void http_listener_stop(struct http_server *server)
{
	if (server->listener < 0)
		return;
	if (event_pending(server->acceptable, EV_READ, NULL))
		acceptable(server->listener, 0, server); /* those that the kernel has accepted would be reset */
	event_free(server->acceptable);
	close(server->listener);
	server->listener = -1;
	if (server->reserve >= 0)
		close(server->reserve);
	server->reserve = -1;
	loop_timer_stop(server->accept_when_ready);
}

/* A server with routes of the target, which gets one request at a time on a connection of its own. */
#ifndef ABACUS_FUZZ_HTTP_REQUESTS_H
#define ABACUS_FUZZ_HTTP_REQUESTS_H

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "fuzz.h"
#include "http/server_internal.h"

#define TURNS 3
#define REPLY_BYTES_MAX 65536

static struct http_server *server;

/* Once, before the first request. */
static inline void serve(struct event_base *base, const struct http_route *routes, void *service)
{
	static const struct http_config config = {.body_bytes_max = 8192,
						  .buffer_bytes_max = 1 << 20,
						  .header_bytes_max = 8192,
						  .read_timeout_s = 3600,
						  .idle_timeout_s = 3600,
						  .deadline_ms = 3600000,
						  .connections_max = 10,
						  .trusted_proxies = (char *)(uintptr_t) "127.0.0.0/8"};

	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	server = http_server_new(base, &config, routes, service);
	http_server_set_quiet(server);
}

static inline void turn(void)
{
	for (int i = 0; i < TURNS; i++)
		event_base_loop(server->base, EVLOOP_NONBLOCK);
}

/* The code of the reply, whose text is in `reply`; 0: there is none. No connection is left. */
static inline int request(const struct buf *message, char reply[REPLY_BYTES_MAX])
{
	struct sockaddr_storage peer = {.ss_family = AF_INET};
	int fds[2], code = 0;
	ssize_t len;

	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	http_connection_accept(server, fds[0], &peer);
	require(send(fds[1], message->bytes, message->len, MSG_NOSIGNAL) == (ssize_t)message->len);
	turn();
	len = recv(fds[1], reply, REPLY_BYTES_MAX - 1, 0);
	reply[len > 0 ? len : 0] = '\0';
	require(len <= 0 || sscanf(reply, "HTTP/1.1 %d ", &code) == 1);
	close(fds[1]);
	turn();
	for (enum http_state state = 0; state < HTTP_CLOSED; state++)
		while (!TAILQ_EMPTY(&server->connections[state]))
			http_connection_close(TAILQ_FIRST(&server->connections[state]));
	turn();
	require(http_server_in_flight(server) == 0);
	return code;
}

/* The bytes that may stand in the target of a request and in the value of a field, so that the message is not refused for the
 * others; the rest are left out. */
static inline void add_printable(struct buf *message, const char *text, const char *refused)
{
	for (; *text; text++)
		if (*text > ' ' && *text <= '~' && !strchr(refused, *text))
			buf_add(message, text, 1);
}

/* What follows `name` in the head of a reply, up to the end of the line, malloc'ed; NULL: there is no such line. */
static inline char *find_field(const char *reply, const char *name)
{
	const char *found = strstr(reply, name);

	return found ? strndup(found + strlen(name), strcspn(found + strlen(name), "\r\n")) : NULL;
}

/* line: until the query, as "GET /users?". Answers as request(). */
static inline int request_list(const char *line, const char *query, char reply[REPLY_BYTES_MAX])
{
	struct buf message = {0};
	int code;

	buf_text(&message, line);
	add_printable(&message, query, "#");
	buf_text(&message, " HTTP/1.1\r\nHost: a\r\n\r\n");
	code = request(&message, reply);
	buf_free(&message);
	return code;
}

#endif

/* One connection: what arrives goes to the parser, whole messages to their handlers, replies to the socket. See the states in
 * server_internal.h. Pipelined requests (RFC 9112 §9.3.2) wait in the input, which does not grow for them. */
#include "http/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define MESSAGES_A_TURN 32            /* of one connection; then it waits for the next turn of the loop */
#define OUT_BYTES_MAX (64 * 1024)     /* of replies that wait; then no further message is read */
#define LINGER_BYTES_MAX (256 * 1024) /* thrown away behind a refused message */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static void process(struct http_connection *conn);
static void count_buffers(struct http_connection *conn);

/* ---- buffers ---- */

void http_connection_give_back(struct http_connection *conn)
{
	if (!conn->io || conn->request || http_io_has_input(conn->io) || http_io_has_output(conn->io))
		return;
	http_io_give(conn->server, conn->io);
	conn->io = NULL;
}

/* The most that one message can need here: the parser refuses what is larger. */
static size_t input_bytes_max(const struct http_config *config)
{
	return (size_t)config->header_bytes_max + (size_t)config->body_bytes_max + HTTP_TRAILER_BYTES_MAX +
	       HTTP_CHUNK_LINE_BYTES_MAX;
}

/* What lies between the body as it was put together and the bytes that were not read yet is chunks' framing. */
static void drop_framing(struct http_request *req, struct http_io *io)
{
	size_t end = req->body + req->body_len, gap = req->parser.at - end;
	char *message = io->in + io->start;

	if (req->body == 0 || gap == 0)
		return;
	memmove(message + end, message + req->parser.at, io->end - io->start - req->parser.at);
	req->parser.at -= gap;
	io->end -= gap;
}

/* Makes room for more input. While a request is being answered its bytes must stay where they are. */
static bool has_room(struct http_connection *conn)
{
	struct http_io *io = conn->io;

	if (!io || io->end < io->capacity)
		return true;
	if (conn->state != HTTP_IDLE && conn->state != HTTP_READING)
		return false;
	if (conn->request)
		drop_framing(conn->request, io);
	return http_io_make_room(io, input_bytes_max(&conn->server->config));
}

/* ---- the end ---- */

void http_connection_close(struct http_connection *conn)
{
	struct http_request *req = conn->request;

	if (conn->state == HTTP_CLOSED)
		return;
	http_server_enter(conn, HTTP_CLOSED);
	event_del(&conn->readable);
	event_del(&conn->writable);
	close(conn->fd);
	conn->request = NULL;
	if (req)
		http_request_end(req);
	if (conn->io)
		http_io_give(conn->server, conn->io);
	conn->io = NULL;
	count_buffers(conn);
	if (conn->upgrade)
		http_upgrade_closed(conn);
	loop_deferred_schedule(conn->server->reap);
}

/* Makes room when the buffers of all connections take too much: by the peer that has not read its reply for the longest time,
 * else by the one that takes the longest to send its request. */
static void close_slowest(struct http_server *server)
{
	struct http_connection *conn = TAILQ_FIRST(&server->connections[HTTP_WRITING]);

	if (!conn)
		conn = TAILQ_FIRST(&server->connections[HTTP_READING]);
	if (!conn)
		return;
	log_line(LOG_WARN, "the buffers of all connections are full: closed the slowest one");
	http_connection_close(conn);
}

static void count_buffers(struct http_connection *conn)
{
	struct http_server *server = conn->server;
	size_t bytes = http_io_bytes(conn->io);

	server->buffer_bytes += bytes - conn->buffer_bytes;
	conn->buffer_bytes = bytes;
	if (server->buffer_bytes > (size_t)server->config.buffer_bytes_max)
		close_slowest(server);
}

/* The connection broke. */
static void lose(struct http_connection *conn)
{
	if (conn->state == HTTP_ANSWERING)
		http_access_record(conn->request, 499, 0);
	http_connection_close(conn);
}

bool http_connection_has_unread(const struct http_connection *conn)
{
	char byte;

	return http_io_has_input(conn->io) || recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Closing over bytes that were not read would reset the connection, and the peer might lose our reply (RFC 9112 §9.6). */
static void finish(struct http_connection *conn)
{
	if (conn->is_half_closed || !(conn->is_refused || http_connection_has_unread(conn))) {
		http_connection_close(conn);
		return;
	}
	shutdown(conn->fd, SHUT_WR);
	if (conn->io)
		conn->io->start = conn->io->end;
	if (conn->is_waiting)
		event_add(&conn->readable, NULL);
	http_server_enter(conn, HTTP_LINGERING);
	http_connection_give_back(conn);
}

static void discard(struct http_connection *conn)
{
	char bytes[16384];
	ssize_t n = recv(conn->fd, bytes, sizeof bytes, 0);

	conn->lingered += n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || conn->lingered > LINGER_BYTES_MAX)
		http_connection_close(conn);
}

/* ---- writing ---- */

/* All was written. */
static void go_on(struct http_connection *conn)
{
	if (conn->is_last && !conn->request) {
		finish(conn);
	} else if (conn->state == HTTP_WRITING) {
		http_server_enter(conn, conn->request ? HTTP_READING : HTTP_IDLE);
		http_connection_give_back(conn);
	}
}

/* A peer that does not read is timed from the last byte that it took, whatever it sends meanwhile. */
static void flush(struct http_connection *conn)
{
	ssize_t n;

	if (conn->is_blocked)
		return;
	if (!http_io_has_output(conn->io)) {
		go_on(conn);
		return;
	}
	n = http_io_send(conn->io, conn->fd);
	if (n < 0) {
		lose(conn);
		return;
	}
	if (!http_io_has_output(conn->io)) {
		go_on(conn);
		return;
	}
	conn->is_blocked = true;
	event_add(&conn->writable, NULL);
	if (conn->state == HTTP_READING || (n > 0 && conn->state == HTTP_WRITING))
		http_server_enter(conn, HTTP_WRITING);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct http_connection *conn = OBJECT_OF(struct http_connection, HTTP_CONNECTION_TAG, arg);

	conn->server->now_us = clock_monotonic_us();
	if (conn->state == HTTP_UPGRADED) {
		http_upgrade_writable(conn);
		return;
	}
	conn->is_blocked = false;
	process(conn);
}

/* ---- reading ---- */

static void refuse(struct http_connection *conn, const struct http_rule *rule)
{
	struct http_request *req = conn->request;

	req->message = conn->io->in + conn->io->start;
	http_request_set_ids(req);
	http_reply_refusal(req, rule);
	conn->request = NULL;
	http_request_end(req);
	conn->is_last = conn->is_refused = true;
	conn->io->start = conn->io->end;
	http_server_enter(conn, HTTP_WRITING);
}

/* Sends 100 Continue to a client that waits for it (RFC 9110 §10.1.1), unless part of the body has arrived. */
static void begin_body(struct http_connection *conn, struct http_request *req)
{
	struct http_io *io = conn->io;

	req->body = req->parser.at;
	if (req->parser.expects_continue && io->end - io->start == req->parser.at)
		buf_add(&io->out, CONTINUE, strlen(CONTINUE));
	http_io_reserve(io, req->body + (size_t)req->parser.content_length);
}

static void add_piece(struct http_request *req, char *message)
{
	const struct http_slice *piece = &req->parser.piece;
	char *end = message + req->body + req->body_len;

	if (end != message + piece->start)
		memmove(end, message + piece->start, piece->len);
	req->body_len += piece->len;
}

static enum http_parser_result read_parts(struct http_connection *conn)
{
	struct http_request *req = conn->request;
	struct http_io *io = conn->io;
	enum http_parser_result result;

	while ((result = http_parser_read(&req->parser, io->in + io->start, io->end - io->start)) == HTTP_PARSER_HEAD ||
	       result == HTTP_PARSER_BODY) {
		if (result == HTTP_PARSER_HEAD)
			begin_body(conn, req);
		else
			add_piece(req, io->in + io->start);
	}
	return result;
}

/* True: a message was read and answered, and another may follow. */
static bool read_message(struct http_connection *conn)
{
	if (!http_io_has_input(conn->io))
		return false;
	if (!conn->request)
		conn->request = http_request_new(conn);
	switch (read_parts(conn)) {
	case HTTP_PARSER_REFUSED:
		refuse(conn, conn->request->parser.refusal);
		return false;
	case HTTP_PARSER_END:
		http_server_enter(conn, HTTP_ANSWERING);
		conn->request->message = conn->io->in + conn->io->start;
		http_request_run(conn->request);
		return conn->state == HTTP_WRITING;
	default:
		if (conn->state != HTTP_READING)
			http_server_enter(conn, HTTP_READING);
		return false;
	}
}

static bool may_read_message(const struct http_connection *conn)
{
	return !conn->is_last && !conn->is_blocked && conn->state <= HTTP_WRITING && conn->state != HTTP_ANSWERING &&
	       (!conn->io || (conn->io->body.len == 0 && conn->io->out.len < OUT_BYTES_MAX));
}

/* There is room again, or nothing more will come. */
static void resume_reading(struct http_connection *conn)
{
	if (conn->is_half_closed) {
		if (conn->state == HTTP_IDLE || conn->state == HTTP_READING)
			http_connection_close(conn);
	} else if (conn->is_waiting && has_room(conn)) {
		conn->is_waiting = false;
		event_add(&conn->readable, NULL);
	}
}

/* Reads and answers what is there, with one write for all of it. */
static void take_turn(struct http_connection *conn)
{
	unsigned messages = 0;

	do {
		while (messages < MESSAGES_A_TURN && may_read_message(conn) && read_message(conn))
			messages++;
		if (conn->state >= HTTP_LINGERING)
			return;
		flush(conn);
	} while (messages < MESSAGES_A_TURN && conn->state == HTTP_IDLE && http_io_has_input(conn->io));
	if (conn->state >= HTTP_LINGERING)
		return;
	if (messages == MESSAGES_A_TURN && !conn->is_blocked)
		event_add(&conn->writable, NULL); /* goes on in the next turn; event_active() would go on in this one */
	else
		resume_reading(conn);
}

static void process(struct http_connection *conn)
{
	take_turn(conn);
	count_buffers(conn);
}

void http_connection_replied(struct http_connection *conn)
{
	conn->io->start += conn->request->parser.at;
	conn->request = NULL;
	http_server_enter(conn, HTTP_WRITING);
}

void http_connection_proceed(struct http_connection *conn)
{
	if (conn->state != HTTP_UPGRADED && conn->state != HTTP_CLOSED)
		process(conn);
}

/* True: there may be something to read in the input.
 *
 * A client may still read its reply after it shut down sending (RFC 9112 §9.6). A trusted proxy instead closes when its own
 * client disconnects, so the request is cancelled. */
static bool receive(struct http_connection *conn)
{
	struct http_io *io;
	ssize_t n;

	if (!conn->io)
		conn->io = http_io_take(conn->server);
	io = conn->io;
	if (!has_room(conn)) {
		conn->is_waiting = true;
		event_del(&conn->readable);
		return true;
	}
	n = recv(conn->fd, io->in + io->end, io->capacity - io->end, 0);
	if (n > 0) {
		io->end += (size_t)n;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		http_connection_give_back(conn);
		return true;
	}
	if (n < 0 || (conn->state == HTTP_ANSWERING && http_request_is_forwarded(conn->request))) {
		lose(conn);
		return false;
	}
	conn->is_half_closed = true;
	event_del(&conn->readable);
	http_connection_give_back(conn);
	return true;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct http_connection *conn = OBJECT_OF(struct http_connection, HTTP_CONNECTION_TAG, arg);

	conn->server->now_us = clock_monotonic_us();
	if (conn->state == HTTP_UPGRADED)
		http_upgrade_readable(conn);
	else if (conn->state == HTTP_LINGERING)
		discard(conn);
	else if (receive(conn))
		process(conn);
}

struct http_connection *http_connection_accept(struct http_server *server, int fd, const struct sockaddr_storage *peer)
{
	struct http_connection *conn = mem_alloc(sizeof *conn);
	const void *address = peer->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
							  : (const void *)&((const struct sockaddr_in *)peer)->sin_addr;

	conn->tag = HTTP_CONNECTION_TAG;
	conn->server = server;
	conn->fd = fd;
	conn->state = HTTP_STATES; /* in no list yet */
	if (!inet_ntop(peer->ss_family, address, conn->peer, sizeof conn->peer))
		conn->peer[0] = '\0';
	event_assign(&conn->readable, server->base, fd, EV_READ | EV_PERSIST, readable, conn);
	event_assign(&conn->writable, server->base, fd, EV_WRITE, writable, conn);
	event_add(&conn->readable, NULL);
	http_server_enter(conn, HTTP_IDLE);
	return conn;
}

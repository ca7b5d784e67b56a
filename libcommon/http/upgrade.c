/* A connection that leaves HTTP. It stays the server's, so that limits, draining and freeing are those of every connection;
 * what it reads lies in one buffer of the server's while its owner takes it, so an idle one holds none. */
#include "http/server_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"

bool http_request_can_upgrade(const struct http_request *req)
{
	return req->parser.minor_version >= 1 && !req->parser.is_chunked && req->body_len == 0;
}

struct http_connection *http_upgrade_take(struct http_request *req, int code, const struct http_upgrade_calls *calls,
					  size_t input_bytes_max, void *arg)
{
	struct http_connection *conn = req->conn;
	struct http_upgrade *upgrade;
	struct buf *out = &conn->io->out;

	if (req->server->is_draining) {
		req->headers.len = req->own_headers = 0;
		http_reply_status(req, STATUS_UNAVAILABLE);
		return NULL;
	}
	http_access_record(req, code, 0);
	http_reply_head_without_end(req, code, out);
	http_connection_replied(conn);
	upgrade = mem_alloc(sizeof *upgrade);
	*upgrade =
		(struct http_upgrade){.calls = calls, .arg = arg, .output = evbuffer_new(), .input_bytes_max = input_bytes_max};
	evbuffer_add(upgrade->output, out->bytes + conn->io->sent, out->len - conn->io->sent);
	out->len = conn->io->sent = 0;
	conn->upgrade = upgrade;
	http_server_enter(conn, HTTP_UPGRADED);
	if (!conn->is_half_closed)
		event_add(&conn->readable, NULL);
	event_del(&conn->writable);                /* process() may have asked for it */
	event_active(&conn->readable, EV_READ, 0); /* for what came right behind the request */
	http_upgrade_write(conn);
	req->is_answered = true;
	if (!req->is_in_handler)
		http_request_end(req);
	return conn;
}

struct http_connection *http_reply_upgrade(struct http_request *req, const struct http_upgrade_calls *calls,
					   size_t input_bytes_max, void *arg)
{
	return http_upgrade_take(req, 101, calls, input_bytes_max, arg);
}

struct evbuffer *http_upgrade_input(struct http_connection *conn)
{
	return conn->server->upgrade_input;
}

struct evbuffer *http_upgrade_output(struct http_connection *conn)
{
	return conn->upgrade->output;
}

/* ---- what connection.c passes on ---- */

static void leave(struct http_connection *conn)
{
	event_del(&conn->readable);
	event_del(&conn->writable);
	if (conn->upgrade->is_over)
		return;
	conn->upgrade->is_over = true;
	conn->upgrade->calls->left(conn->upgrade->arg);
}

/* What came behind the request is the first that is read. */
static bool take_rest(struct http_connection *conn, struct evbuffer *input)
{
	struct http_io *io = conn->io;

	if (!io)
		return false;
	evbuffer_add(input, io->in + io->start, io->end - io->start);
	io->start = io->end;
	http_connection_give_back(conn);
	return evbuffer_get_length(input) > 0;
}

void http_upgrade_readable(struct http_connection *conn)
{
	struct evbuffer *input = conn->server->upgrade_input;
	bool has_rest = take_rest(conn, input);
	int n = has_rest ? 1 : evbuffer_read(input, conn->fd, (int)conn->upgrade->input_bytes_max);

	if (has_rest && conn->is_half_closed) /* the end that follows was read already */
		event_active(&conn->readable, EV_READ, 0);
	if (n > 0) {
		conn->upgrade->calls->readable(conn->upgrade->arg);
		evbuffer_drain(input, evbuffer_get_length(input));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		leave(conn);
	}
}

/* Waits for the socket only while something waits for it. */
static void wait_for_socket(struct http_connection *conn)
{
	conn->is_blocked = evbuffer_get_length(conn->upgrade->output) > 0;
	if (conn->is_blocked)
		event_add(&conn->writable, NULL);
}

void http_upgrade_writable(struct http_connection *conn)
{
	struct http_upgrade *upgrade = conn->upgrade;

	if (evbuffer_write_atmost(upgrade->output, conn->fd, HTTP_WRITE_BYTES) < 0 && errno != EAGAIN && errno != EINTR) {
		leave(conn);
		return;
	}
	wait_for_socket(conn);
	if (!conn->is_blocked)
		upgrade->calls->written(upgrade->arg);
}

/* That the connection broke is noticed by reading, so that nothing is called from in here. */
void http_upgrade_write(struct http_connection *conn)
{
	if (conn->is_blocked || conn->upgrade->is_over || evbuffer_get_length(conn->upgrade->output) == 0)
		return;
	(void)evbuffer_write_atmost(conn->upgrade->output, conn->fd, HTTP_WRITE_BYTES);
	wait_for_socket(conn);
}

void http_upgrade_closed(struct http_connection *conn)
{
	struct http_upgrade *upgrade = conn->upgrade;

	conn->upgrade = NULL;
	upgrade->calls->closed(upgrade->arg);
	evbuffer_free(upgrade->output);
	free(upgrade);
}

void http_upgrade_shut(struct http_connection *conn)
{
	shutdown(conn->fd, SHUT_WR);
}

/* With nothing left to send the end is orderly; else the kernel forgets what it had still to send. */
void http_upgrade_close(struct http_connection *conn)
{
	struct linger at_once = {.l_onoff = 1};

	if (evbuffer_get_length(conn->upgrade->output) > 0)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	http_connection_close(conn);
}

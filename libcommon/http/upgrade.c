/* A connection that leaves HTTP. The evhttp_connection stays its owner, so that limits, draining and freeing are those of every
 * connection; only the bufferevent's callbacks are replaced. evhttp still holds the request, as one that is being answered, and
 * frees it with the connection; its headers are let go of at once, for such a connection may be idle for hours. */
#include "http/server_internal.h"

#include <event2/http_struct.h>
#include <sys/socket.h>

static void readable(struct bufferevent *bev, void *arg)
{
	struct http_connection *conn = arg;

	if (evbuffer_get_length(bufferevent_get_input(bev)) > 0)
		conn->upgrade->readable(conn->upgrade_arg);
}

static void written(struct bufferevent *bev, void *arg)
{
	struct http_connection *conn = arg;

	bufferevent_disable(bev, EV_WRITE);
	conn->upgrade->written(conn->upgrade_arg);
}

static void left(struct bufferevent *bev, short what, void *arg)
{
	struct http_connection *conn = arg;

	bufferevent_disable(bev, EV_READ | EV_WRITE);
	conn->upgrade->left(conn->upgrade_arg);
}

static void take_over(struct http_connection *conn, size_t input_bytes_max)
{
	bufferevent_setcb(conn->bev, readable, written, left, conn);
	bufferevent_set_timeouts(conn->bev, NULL, NULL);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, input_bytes_max);
	bufferevent_disable(conn->bev, EV_WRITE);
	bufferevent_enable(conn->bev, EV_READ);
	bufferevent_trigger(conn->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS); /* for what came right behind the request */
}

bool http_request_can_upgrade(const struct http_request *req)
{
	return req->ev->major == 1 && req->ev->minor >= 1 && !http_request_header(req, "Transfer-Encoding") &&
	       evbuffer_get_length(evhttp_request_get_input_buffer(req->ev)) == 0;
}

static void write_head(struct http_request *req, int code, const char *reason)
{
	struct evbuffer *output = bufferevent_get_output(req->conn->bev);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
	const struct evkeyval *header;

	evbuffer_add_printf(output, "HTTP/1.1 %d %s\r\nX-Request-ID: %s\r\n", code, reason, req->id);
	TAILQ_FOREACH (header, headers, next)
		evbuffer_add_printf(output, "%s: %s\r\n", header->key, header->value);
	evbuffer_add(output, "\r\n", 2);
	evhttp_clear_headers(headers);
	evhttp_clear_headers(evhttp_request_get_input_headers(req->ev));
}

struct http_connection *http_upgrade_take(struct http_request *req, int code, const char *reason,
					  const struct http_upgrade_calls *calls, size_t input_bytes_max, void *arg)
{
	struct http_connection *conn = req->conn;

	if (req->server->is_draining) {
		evhttp_clear_headers(evhttp_request_get_output_headers(req->ev));
		http_reply_status(req, STATUS_UNAVAILABLE);
		return NULL;
	}
	http_access_record(req, code, 0);
	conn->request = NULL;
	conn->upgrade = calls;
	conn->upgrade_arg = arg;
	take_over(conn, input_bytes_max);
	write_head(req, code, reason);
	http_upgrade_write(conn);
	req->is_answered = true;
	if (!req->is_in_handler)
		http_request_end(req);
	return conn;
}

struct http_connection *http_reply_upgrade(struct http_request *req, const struct http_upgrade_calls *calls,
					   size_t input_bytes_max, void *arg)
{
	return http_upgrade_take(req, 101, "Switching Protocols", calls, input_bytes_max, arg);
}

struct evbuffer *http_upgrade_input(struct http_connection *conn)
{
	return bufferevent_get_input(conn->bev);
}

struct evbuffer *http_upgrade_output(struct http_connection *conn)
{
	return bufferevent_get_output(conn->bev);
}

/* Writing is enabled only while something waits for the socket: else libevent would ask the kernel twice for each message. */
void http_upgrade_write(struct http_connection *conn)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);

	if (bufferevent_get_enabled(conn->bev) & EV_WRITE)
		return;
	evbuffer_unfreeze(output, 1);
	evbuffer_write_atmost(output, bufferevent_getfd(conn->bev), HTTP_WRITE_BYTES);
	evbuffer_freeze(output, 1);
	if (evbuffer_get_length(output) > 0)
		bufferevent_enable(conn->bev, EV_WRITE);
}

void http_upgrade_shut(struct http_connection *conn)
{
	shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
}

/* With nothing left to send the end is orderly; else the kernel forgets what it had still to send. */
void http_upgrade_close(struct http_connection *conn)
{
	struct linger at_once = {.l_onoff = 1};

	if (evbuffer_get_length(bufferevent_get_output(conn->bev)) > 0)
		setsockopt(bufferevent_getfd(conn->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	http_connection_close(conn);
}

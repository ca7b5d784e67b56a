/* What evhttp can not read (an unsound request line, a head or a body above its limits, a method that it does not know, an
 * Expect of something else) it answers by itself with a page of HTML, and then closes; libevent 2.1 tells nobody. Its page
 * comes into a connection's output while no request of ours is being answered, whole within one turn of the loop, and nothing
 * of it is sent within that turn. At the end of the turn the envelope of all our errors takes its place. */
#include "http/server_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"

#define CONTINUE "HTTP/1.1 100 "
#define START_BYTES 64 /* enough for a "100 Continue" and the status line that may follow it */

static const struct refusal {
	int code;
	const char *reason, *word, *message;
} refusals[] = {
	{400, "Bad Request", "bad_request", "Bad request."}, /* and for all others */
	{413, "Request Entity Too Large", "body_too_large", "The body is too large."},
	{417, "Expectation Failed", "expectation_failed", "Only 100-continue can be expected."},
	{501, "Not Implemented", "not_implemented", "That method is not supported."},
};

static const struct refusal *refusal_of(struct evbuffer *output)
{
	char start[START_BYTES + 1];
	ev_ssize_t len = evbuffer_copyout(output, start, START_BYTES);
	const char *line = start;

	start[len > 0 ? len : 0] = '\0';
	if (strncmp(start, CONTINUE, strlen(CONTINUE)) == 0 && (line = strstr(start, "\r\n\r\n")))
		line += 4;
	if (!line || strncmp(line, "HTTP/", 5) != 0 || !(line = strchr(line, ' ')))
		return NULL;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (refusals[i].code == atoi(line))
			return &refusals[i];
	return &refusals[0];
}

static void put(struct evbuffer *output, const struct refusal *refusal, const char *id)
{
	struct buf body = {0};

	buf_printf(&body, "{\"status\":\"fail\",\"message\":\"%s\",\"code\":\"%s\",\"request_id\":\"%s\"}", refusal->message,
		   refusal->word, id);
	evbuffer_drain(output, evbuffer_get_length(output));
	evbuffer_add_printf(output,
			    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nX-Request-ID: %s\r\n"
			    "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
			    refusal->code, refusal->reason, body.len, id, body.bytes);
	buf_free(&body);
}

/* libevent keeps the start of the buffer frozen for all but itself. */
static void replace(struct http_connection *conn)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);
	const struct refusal *refusal;
	char id[HTTP_ID_BYTES];

	evbuffer_unfreeze(output, 1);
	refusal = refusal_of(output);
	if (refusal) { /* else evhttp has only told the client to go on */
		http_request_make_id(id);
		put(output, refusal, id);
		http_access_record_refusal(conn, id, refusal->code);
	}
	evbuffer_freeze(output, 1);
}

void http_refusal_put_all(void *arg)
{
	struct http_server *server = arg;
	struct http_connection *conn;

	while ((conn = LIST_FIRST(&server->refused))) {
		if (!conn->request && !conn->is_writing && !conn->upgrade)
			replace(conn);
		LIST_REMOVE(conn, refused_link); /* not before: what we write is a change of the output too */
		conn->is_refused = false;
	}
}

void http_refusal_output_changed(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_connection *conn = arg;

	if (!info->n_added || conn->request || conn->is_writing || conn->upgrade || conn->is_refused)
		return;
	conn->is_refused = true;
	LIST_INSERT_HEAD(&conn->server->refused, conn, refused_link);
	loop_deferred_schedule(conn->server->refuse);
}

void http_refusal_forget(struct http_connection *conn)
{
	if (conn->is_refused)
		LIST_REMOVE(conn, refused_link);
}

/* Leaving HTTP (RFC 9110 §15.2.2): the connection of a request speaks another protocol from here on. It counts as in flight
 * until it is closed, has no time limit any more, and is never closed to make room for a new one. All callbacks run on the
 * loop's thread and not before http_reply_upgrade() has returned; none follows `closed`. */
#ifndef ABACUS_HTTP_UPGRADE_H
#define ABACUS_HTTP_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "http/request.h"

struct evbuffer;
struct http_connection;

struct http_upgrade_calls {
	void (*readable)(void *arg); /* there is input; what it leaves there is dropped */
	void (*written)(void *arg);  /* the output is empty again, after http_upgrade_write() had left some */
	void (*left)(void *arg);     /* the peer closed its side, or the connection broke: close it, from the loop */
	void (*draining)(void *arg); /* the server drains, and waits for this connection's end */
	void (*closed)(void *arg);   /* exactly once, also from within http_upgrade_close() and http_server_free() */
};
/* HTTP/1.1 and no body (RFC 9110 §7.8). */
bool http_request_can_upgrade(const struct http_request *req);
/* Answers 101 with the headers of http_reply_header() and ends the request. NULL: the server drains, and the request was
 * answered with 503. calls is static. At most input_bytes_max are read at once, but for what came behind the request. */
struct http_connection *http_reply_upgrade(struct http_request *req, const struct http_upgrade_calls *calls,
					   size_t input_bytes_max, void *arg) MUST_CHECK;
struct evbuffer *http_upgrade_input(struct http_connection *conn); /* only from within `readable` */
struct evbuffer *http_upgrade_output(struct http_connection *conn);
/* Sends what is in the output: at once what the socket takes, the rest as it goes. */
void http_upgrade_write(struct http_connection *conn);
/* No more will be sent; the peer reads an end. */
void http_upgrade_shut(struct http_connection *conn);
/* Ends it and forgets what was not sent. Not from within a call of http_upgrade_calls. */
void http_upgrade_close(struct http_connection *conn);

#endif

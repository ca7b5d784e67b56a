/* What the files of the WebSocket module share.
 *   websocket.c  groups, time limits, the end
 *   handshake.c  turns a request into a WebSocket
 *   read.c       makes messages of frames, and answers control frames
 *   send.c       makes frames of messages, once for many receivers */
#ifndef ABACUS_WEBSOCKET_WEBSOCKET_INTERNAL_H
#define ABACUS_WEBSOCKET_WEBSOCKET_INTERNAL_H

#include <stdint.h>
#include <sys/queue.h>
#include <wslay/wslay.h>

#include "http/reply.h"
#include "http/upgrade.h"
#include "websocket/websocket.h"

#define WEBSOCKET_CONTROL_BYTES_MAX 125 /* RFC 6455 §5.5 */
#define WEBSOCKET_REASON_BYTES_MAX 123

enum websocket_state { WEBSOCKET_IS_OPEN, WEBSOCKET_IS_CLOSING, WEBSOCKET_IS_FINISHING, WEBSOCKET_IS_OVER };

struct websocket_reading; /* read.c: a frame or message that has arrived in part */

struct websocket {
	struct websockets *group;
	struct http_connection *conn;
	struct websocket_reading *reading; /* NULL: between messages */
	void *arg;
	int64_t since_us; /* when the peer last sent something; once closing, when this state began */
	enum websocket_state state;
	enum websocket_end end;
	bool is_pinged;
	LIST_ENTRY(websocket) link;
};

struct websockets {
	struct websocket_limits limits;
	const struct websocket_calls *calls;
	struct loop_timer *tick;
	struct loop_deferred *reap;
	LIST_HEAD(, websocket) members, over;
	unsigned count;
};

/* websocket.c */
struct websocket *websocket_new(struct websockets *group, struct http_request *req, void *arg);
/* Sends our close frame, unless it is sent already; then waits for the peer's, or, when the peer's frames are not to be read
 * any more (is_last), only for the end of its stream. code 0: a close frame without a code. */
void websocket_begin_closing(struct websocket *ws, int code, const char *reason, size_t len, bool is_last);
/* The loop ends the connection. */
void websocket_drop(struct websocket *ws, enum websocket_end end);

/* read.c */
void websocket_read(struct websocket *ws);
void websocket_reading_free(struct websocket_reading *reading);

/* send.c */
/* In any state. Drops a peer that reads too slowly. */
void websocket_send_frame(struct websocket *ws, enum wslay_opcode opcode, const void *bytes, size_t len);

#endif

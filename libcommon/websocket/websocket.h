/* WebSocket (RFC 6455), the server's side, on connections that http_server.h hands over; the frames are read and made by wslay.
 * Text in both directions, no extensions. Pings, pongs, fragments, UTF-8, and the closing handshake are seen to here; the peer
 * is bounded in what it may send at once, in what may wait for it unread, and in how long it may be silent.
 *
 *   OPEN ──close frame sent──▶ CLOSING ──the peer's close frame──▶ FINISHING ──its end of stream──▶ closed()
 *     │                           └──close_limit_ms──▶ closed()                └──close_limit_ms──▶ closed()
 *     ├──the peer's close frame (answered), or it broke the protocol (1002, 1003, 1007, 1009)──▶ FINISHING
 *     └──it left, reads too slowly or answers no ping──▶ closed()
 *
 * An idle WebSocket holds no buffer. The bytes of a message for many are framed once and shared (struct websocket_frames). */
#ifndef ABACUS_WEBSOCKET_WEBSOCKET_H
#define ABACUS_WEBSOCKET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "http/request.h"

struct event_base;
struct websockets; /* a group: what they have in common */
struct websocket;  /* one; owned by its group, valid until its `closed` has run */

struct websocket_limits {
	size_t message_bytes_max; /* of a message received, put together from its fragments; beyond it close code 1009 */
	size_t output_bytes_max;  /* waiting here for a slow reader; beyond it the connection is dropped */
	long ping_ms;             /* a ping after so long a silence */
	long pong_ms;             /* the connection is dropped when the silence goes on for so long after the ping */
	long close_ms;            /* for each step of the closing handshake */
};

enum websocket_end {
	WEBSOCKET_CLOSED, /* by a closing handshake, whoever began it; also of a peer that broke the protocol */
	WEBSOCKET_LEFT,   /* the peer went without a word */
	WEBSOCKET_SLOW,   /* dropped: it did not read */
	WEBSOCKET_SILENT, /* dropped: it answered no ping, or not our close frame */
};

/* Both run from the loop, and `closed` also from within http_server_free(): exactly once for each accepted WebSocket. After
 * websocket_close() no message comes any more. */
struct websocket_calls {
	void (*message)(struct websocket *ws, const char *text, size_t len, void *arg); /* well-formed UTF-8, not terminated */
	void (*closed)(struct websocket *ws, enum websocket_end end, void *arg);        /* ws is gone after it */
};

/* limits are copied, calls are static. */
struct websockets *websockets_new(struct event_base *base, const struct websocket_limits *limits,
				  const struct websocket_calls *calls);
/* After http_server_free(), which ends its members. NULL is fine. */
void websockets_free(struct websockets *group);
unsigned websockets_count(const struct websockets *group);

/* The handshake (RFC 6455 §4.2), for a GET route. Answers req in any case: with 101, and then returns the WebSocket; or with
 * 400, 405, 426 (no upgrade, or another version than 13) or 503 (draining), and returns NULL. subprotocol: which of those that
 * were offered was chosen, or NULL. A server that drains closes its WebSockets with 1001. */
struct websocket *websocket_accept(struct websockets *group, struct http_request *req, const char *subprotocol,
				   void *arg) MUST_CHECK;
/* The names in Sec-WebSocket-Protocol (RFC 6455 §11.3.4): copies the one at place n, from 0; false when there is none, or it is
 * longer than size - 1. */
bool websocket_offer(const struct http_request *req, unsigned n, char *name, size_t size) MUST_CHECK;

/* Nothing is sent by these once closing has begun. A reader that is too slow is dropped by the loop, not from within them. */
void websocket_send(struct websocket *ws, const char *text, size_t len);
/* code 1000…4999 (RFC 6455 §7.4), reason at most 123 bytes of UTF-8. */
void websocket_close(struct websocket *ws, int code, const char *reason);

/* Messages that are framed once for all who get them. */
struct websocket_frames;
struct websocket_frames *websocket_frames_new(void);
/* Not after the first send. */
void websocket_frames_add(struct websocket_frames *frames, const char *text, size_t len);
void websocket_send_frames(struct websocket *ws, struct websocket_frames *frames);
void websocket_frames_free(struct websocket_frames *frames); /* what is still being sent stays until it is */

#endif

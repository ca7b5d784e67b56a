/* WebSocket (RFC 6455), the server's side, on connections that http/upgrade.h hands over; wslay parses and makes the frames.
 * Text in both directions, no extensions. This module handles pings, pongs, fragments, UTF-8 and the closing handshake, and
 * limits how much a peer may send in one message, how much may wait for it unread, and how long it may be silent.
 *
 *   OPEN ──close frame sent──▶ CLOSING ──the peer's close frame──▶ FINISHING ──its end of stream──▶ closed()
 *     │                           └──close_ms──▶ closed()                └──close_ms──▶ closed()
 *     ├──the peer's close frame (answered), or it breaks the protocol (1002, 1003, 1007, 1009)──▶ FINISHING
 *     └──it disconnects, reads too slowly or answers no ping──▶ closed()
 *
 * An idle WebSocket has no buffer. A message for many is framed once, and all share its bytes (struct websocket_frames). */
#ifndef ABACUS_WEBSOCKET_WEBSOCKET_H
#define ABACUS_WEBSOCKET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "http/request.h"

struct event_base;
struct websockets; /* a group, with its common limits and callbacks */
struct websocket;  /* one; owned by its group, valid until its `closed` has run */

struct websocket_limits {
	size_t message_bytes_max; /* of a received message, all fragments together; close code 1009 beyond it */
	size_t output_bytes_max;  /* waiting for a slow peer; the connection is dropped beyond it */
	long ping_ms;             /* silence of the peer after which it gets a ping */
	long pong_ms;             /* further silence after which the connection is dropped */
	long close_ms;            /* for each step of the closing handshake */
};

enum websocket_end {
	WEBSOCKET_CLOSED, /* by a closing handshake that either side began, also because the peer broke the protocol */
	WEBSOCKET_LEFT,   /* the peer disconnected without a close frame */
	WEBSOCKET_SLOW,   /* dropped: the peer did not read */
	WEBSOCKET_SILENT, /* dropped: the peer answered no ping, or not our close frame */
};

/* Both run from the loop, and `closed` also from within http_server_free(). `closed` runs exactly once for each accepted
 * WebSocket; `message` does not run after websocket_close(). */
struct websocket_calls {
	void (*message)(struct websocket *ws, const char *text, size_t len,
			void *arg);                                              /* well-formed UTF-8, without a closing NUL */
	void (*closed)(struct websocket *ws, enum websocket_end end, void *arg); /* ws is invalid afterwards */
};

/* limits are copied, calls are static. */
struct websockets *websockets_new(struct event_base *base, const struct websocket_limits *limits,
				  const struct websocket_calls *calls);
/* After http_server_free(), which ends its members. NULL is fine. */
void websockets_free(struct websockets *group);
unsigned websockets_count(const struct websockets *group);

/* The handshake (RFC 6455 §4.2), for a GET route. Answers req in any case: with 101, and returns the WebSocket; or with 400,
 * 405, 426 (no upgrade, or another version than 13) or 503 (draining), and returns NULL. subprotocol: the chosen one of those
 * that the client offered, or NULL. A server that drains closes its WebSockets with 1001. */
struct websocket *websocket_accept(struct websockets *group, struct http_request *req, const char *subprotocol,
				   void *arg) MUST_CHECK;
/* Copies name n (from 0) of Sec-WebSocket-Protocol (RFC 6455 §11.3.4); false when there is none, or it is longer than size - 1.
 */
bool websocket_offer(const struct http_request *req, unsigned n, char *name, size_t size) MUST_CHECK;

/* Neither sends anything once closing has begun. The loop drops a peer that reads too slowly, never these calls. */
void websocket_send(struct websocket *ws, const char *text, size_t len);
/* code 1000…4999 (RFC 6455 §7.4), reason at most 123 bytes of UTF-8. */
void websocket_close(struct websocket *ws, int code, const char *reason);

/* Messages that are framed once for all their receivers. */
struct websocket_frames;
struct websocket_frames *websocket_frames_new(void);
/* Must not be called after the first send. */
void websocket_frames_add(struct websocket_frames *frames, const char *text, size_t len);
void websocket_send_frames(struct websocket *ws, struct websocket_frames *frames);
void websocket_frames_free(struct websocket_frames *frames); /* the bytes stay in memory until all outputs have sent them */

#endif

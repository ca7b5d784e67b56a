/* What the tests of HTTP share: one loop, with both sides of each connection on it; answers that a test can wait for; peers
 * that misbehave as a test needs; a client that sends raw bytes. Include after cmocka.h. */
#ifndef ABACUS_TESTS_HTTP_HTTP_FIXTURE_H
#define ABACUS_TESTS_HTTP_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/scope.h"
#include "tests/wait_for.h"

static struct event_base *base;
static struct scope scope;
static struct event *fixture_heart;

static inline void fixture_beat(evutil_socket_t fd, short what, void *arg)
{
}

static inline void fixture_open_loop(void)
{
	signal(SIGPIPE, SIG_IGN); /* as every daemon does */
	base = loop_new();
	scope_init(&scope);
	fixture_heart = event_new(base, -1, EV_PERSIST, fixture_beat, NULL);
	event_add(fixture_heart, &(struct timeval){.tv_usec = 10000});
}

static inline void fixture_close_loop(void)
{
	for (int i = 0; i < 3; i++) /* the loop frees what is left */
		event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(fixture_heart);
	event_base_free(base);
}

static inline struct sockaddr_in fixture_loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* ---- a peer: a server that sends given bytes, whatever the request ---- */

enum peer_habit {
	PEER_CLOSES, /* after its answer */
	PEER_STAYS,  /* silent after its answer */
	PEER_DRIPS,  /* its answer, then one byte at each beat, endlessly */
	PEER_FLOODS, /* its answer, then as many bytes as the client reads, endlessly */
};

struct peer_conn {
	struct peer *peer;
	struct bufferevent *bev;
	bool is_asked;
	LIST_ENTRY(peer_conn) link;
};

struct peer {
	enum peer_habit habit;
	const char *answer;
	size_t len;
	struct evconnlistener *listener;
	struct event *beat;
	int port;
	LIST_HEAD(, peer_conn) conns;
	unsigned accepted, gone, dripped;
	size_t flooded;
	char request[4000]; /* the last one */
};

static inline void peer_conn_drop(struct peer_conn *conn)
{
	conn->peer->gone++;
	LIST_REMOVE(conn, link);
	bufferevent_free(conn->bev);
	free(conn);
}

static inline void peer_written(struct bufferevent *bev, void *arg)
{
	static const char more[65536];
	struct peer_conn *conn = arg;

	if (!conn->is_asked)
		return;
	if (conn->peer->habit == PEER_CLOSES) {
		peer_conn_drop(conn);
	} else if (conn->peer->habit == PEER_FLOODS) {
		conn->peer->flooded += sizeof more;
		bufferevent_write(bev, more, sizeof more);
	}
}

static inline void peer_asked(struct bufferevent *bev, void *arg)
{
	struct peer_conn *conn = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(input);

	if (evbuffer_search(input, "\r\n\r\n", 4, NULL).pos < 0)
		return;
	assert_true(len < sizeof conn->peer->request);
	evbuffer_remove(input, conn->peer->request, len);
	conn->peer->request[len] = '\0';
	conn->is_asked = true;
	bufferevent_write(bev, conn->peer->answer, conn->peer->len);
	if (conn->peer->len == 0)
		peer_written(bev, conn);
}

static inline void peer_left(struct bufferevent *bev, short what, void *arg)
{
	peer_conn_drop(arg);
}

static inline void peer_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
				 void *arg)
{
	struct peer_conn *conn = mem_alloc(sizeof *conn);

	conn->peer = arg;
	conn->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(conn->bev, peer_asked, peer_written, peer_left, conn);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	LIST_INSERT_HEAD(&conn->peer->conns, conn, link);
	conn->peer->accepted++;
}

static inline void peer_beat(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	struct peer_conn *conn;

	LIST_FOREACH (conn, &peer->conns, link) {
		bufferevent_write(conn->bev, "a", 1);
		peer->dripped++;
	}
}

static inline void peer_open_bytes(struct peer *peer, enum peer_habit habit, const char *answer, size_t len)
{
	struct sockaddr_in address = fixture_loopback(0);
	socklen_t address_len = sizeof address;

	*peer = (struct peer){.habit = habit, .answer = answer, .len = len};
	peer->listener = evconnlistener_new_bind(base, peer_accepted, peer, LEV_OPT_CLOSE_ON_FREE, 1000,
						 (struct sockaddr *)&address, sizeof address);
	assert_non_null(peer->listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&address, &address_len), 0);
	peer->port = ntohs(address.sin_port);
	peer->beat = event_new(base, -1, EV_PERSIST, peer_beat, peer);
	if (habit == PEER_DRIPS)
		event_add(peer->beat, &(struct timeval){.tv_usec = 5000});
}

static inline void peer_open(struct peer *peer, enum peer_habit habit, const char *answer)
{
	peer_open_bytes(peer, habit, answer, strlen(answer));
}

static inline void peer_close(struct peer *peer)
{
	while (!LIST_EMPTY(&peer->conns))
		peer_conn_drop(LIST_FIRST(&peer->conns));
	event_free(peer->beat);
	evconnlistener_free(peer->listener);
}

/* ---- a raw client: sends bytes and stores what it receives ---- */

struct raw {
	struct bufferevent *bev;
	struct buf got;
	bool is_closed; /* by the server */
};

static inline void raw_got(struct bufferevent *bev, void *arg)
{
	struct raw *raw = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(input);

	buf_add(&raw->got, (const char *)evbuffer_pullup(input, -1), len);
	evbuffer_drain(input, len);
}

static inline void raw_changed(struct bufferevent *bev, short what, void *arg)
{
	struct raw *raw = arg;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		raw->is_closed = true;
}

static inline void raw_send_bytes(struct raw *raw, const char *bytes, size_t len)
{
	bufferevent_write(raw->bev, bytes, len);
}

static inline void raw_send(struct raw *raw, const char *text)
{
	raw_send_bytes(raw, text, strlen(text));
}

static inline void raw_open(struct raw *raw, int port)
{
	struct sockaddr_in address = fixture_loopback(port);

	*raw = (struct raw){0};
	buf_text(&raw->got, "");
	raw->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(raw->bev, raw_got, NULL, raw_changed, raw);
	bufferevent_enable(raw->bev, EV_READ);
	assert_int_equal(bufferevent_socket_connect(raw->bev, (struct sockaddr *)&address, sizeof address), 0);
}

static inline void raw_leave(struct raw *raw)
{
	if (raw->bev)
		bufferevent_free(raw->bev);
	raw->bev = NULL;
	buf_free(&raw->got);
}

/* Leaves as a process does that is killed, or a proxy that gives up: the connection is reset, and not merely shut on one side.
 */
static inline void raw_reset(struct raw *raw)
{
	struct linger at_once = {.l_onoff = 1};

	setsockopt(bufferevent_getfd(raw->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	raw_leave(raw);
}

static inline unsigned raw_count(const struct raw *raw, const char *text)
{
	unsigned count = 0;

	for (const char *at = raw->got.bytes; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static inline bool raw_has(const struct raw *raw, const char *text)
{
	return raw_count(raw, text) > 0;
}

#define assert_has(raw, text)                                                          \
	do {                                                                           \
		if (!raw_has((raw), (text)))                                           \
			fail_msg("not in the answer: %s\n%s", text, (raw)->got.bytes); \
	} while (0)
#define assert_has_not(raw, text)                                                  \
	do {                                                                       \
		if (raw_has((raw), (text)))                                        \
			fail_msg("in the answer: %s\n%s", text, (raw)->got.bytes); \
	} while (0)

#endif

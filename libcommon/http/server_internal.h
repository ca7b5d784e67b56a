/* What the files of the HTTP server share.
 *
 *   server.c      the connections of each state, their time limits, draining
 *   listener.c    accepts connections
 *   connection.c  one connection: reads, gives the parser and the request their turn, writes
 *   io.c          its input and output
 *   parser.c      bytes to messages (parser.h)
 *   request.c     one request: its memory, its accessors, its way to the handler
 *   router.c      method and path to route
 *   reply.c       replies
 *   access.c      access log, metrics
 *   page.c        paging of listings
 *   upgrade.c     a connection that leaves HTTP
 *   stream.c      replies without an end
 *
 * The states of a connection, each a list of the server's in the order in which its connections entered it (or last moved on),
 * so that the first of a list is always the one whose time is over next:
 *
 *   accepted ─▶ IDLE ─first byte─▶ READING ─message whole─▶ ANSWERING ─reply─▶ (all written) ─▶ IDLE, or READING the next
 *                 ▲                    │                        │    └─▶ WRITING ─unread for too long─▶ closed
 *                 └────────────────────┼────────────────────────┼──────────┘
 *                                      │ refused: reply         └─▶ UPGRADED (upgrade.h, stream.h) ─▶ closed
 *                                      ▼
 *                                   LINGERING (our side is shut; what the peer still sends is thrown away) ─▶ closed
 *
 * Nothing is freed while one of its callbacks is on the stack: http_connection_close() closes the descriptor, and the memory
 * goes at the end of the loop's turn. */
#ifndef ABACUS_HTTP_SERVER_INTERNAL_H
#define ABACUS_HTTP_SERVER_INTERNAL_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdalign.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/object.h"
#include "base/scope.h"
#include "http/access.h"
#include "http/page.h"
#include "http/parser.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/upgrade.h"
#include "net/forwarded.h"

#define HTTP_ID_BYTES 65
#define HTTP_PARAMS_MAX 4
#define HTTP_PARAM_BYTES_MAX 256
#define HTTP_QUERY_MAX 32
/* A reply up to this goes out in one system call: a process that is killed has then sent it whole or not at all, and the proxy
 * can ask another. */
#define HTTP_WRITE_BYTES (192 * 1024)

enum http_state {
	HTTP_IDLE,
	HTTP_READING,
	HTTP_ANSWERING,
	HTTP_WRITING,
	HTTP_LINGERING,
	HTTP_UPGRADED,
	HTTP_CLOSED, /* to be freed at the end of the turn */
	HTTP_STATES
};

/* What arrives and what goes out. A connection holds one only while there is any of either. */
struct http_io {
	struct http_io *next; /* among the spare ones */
	char *in;
	size_t start, end, capacity; /* in[start..end) was not answered yet */
	struct buf out;              /* replies, without a large body */
	size_t sent;                 /* bytes of out */
	struct buf body;             /* one large body, which follows out */
	size_t body_sent;
};

struct http_upgrade { /* of a connection that left HTTP */
	const struct http_upgrade_calls *calls;
	void *arg;
	struct evbuffer *output;
	size_t input_bytes_max;
	bool is_over; /* the peer has left */
};

#define HTTP_CONNECTION_TAG 0x68636F6E /* "hcon" */
struct http_connection {
	uint32_t tag;
	enum http_state state;
	struct http_server *server;
	int fd;
	bool is_half_closed; /* the peer sends nothing more, and may still read */
	bool is_last;        /* it closes after what is being written */
	bool is_refused;     /* what it sent is not read any further */
	bool is_waiting;     /* the input is full: reading is suspended */
	bool is_blocked;     /* the socket is full: nothing is written or answered until it is not */
	int64_t since_us;    /* in its state, or since it last wrote */
	struct http_io *io;
	struct http_request *request; /* being read or answered, or NULL */
	struct http_upgrade *upgrade; /* NULL: it speaks HTTP */
	size_t lingered;              /* bytes thrown away */
	size_t buffer_bytes;          /* of io, as the server has counted them */
	TAILQ_ENTRY(http_connection) link;
	struct event readable, writable;
	char peer[INET6_ADDRSTRLEN];
};
TAILQ_HEAD(http_connections, http_connection);

#define HTTP_SERVER_TAG 0x68737276 /* "hsrv" */
struct http_server {
	uint32_t tag;
	struct event_base *base;
	struct http_config config;
	const struct http_route *routes;
	void *service;
	http_handler *authenticate;
	struct networks *trusted;
	bool is_quiet, is_draining;

	int listener, reserve; /* descriptors; reserve is closed when there is no other left */
	struct event *acceptable;
	struct loop_timer *accept_again, *accept_when_ready, *sweep;
	bool (*is_ready)(void *service, const char **ret_reason);
	int64_t accept_at_us; /* ready or not */
	void (*drained)(void *arg);
	void *drained_arg;

	int64_t now_us;      /* when the callback that runs began, or since then a request was answered */
	size_t buffer_bytes; /* of all connections */
	struct http_connections connections[HTTP_STATES];
	unsigned counts[HTTP_STATES];
	struct loop_deferred *reap;

	/* Kept for the next connection that needs one. */
	struct http_io *spare_ios;
	struct http_request *spare_requests;
	unsigned spare_ios_count, spare_requests_count;
	struct evbuffer *upgrade_input; /* of the upgraded connection that is being read */
};

struct http_memory { /* precedes what http_request_alloc() returns */
	struct http_memory *next;
	void (*drop)(void *memory);
	bool is_apart; /* from malloc(), not from the request's own bytes */
	max_align_t bytes[];
};

struct http_parameter {
	const char *name, *value;
};

#define HTTP_REQUEST_TAG 0x68726571 /* "hreq" */
#define HTTP_REQUEST_BYTES 2048
struct http_request {
	uint32_t tag;
	struct http_server *server;
	struct http_connection *conn;
	char *message;         /* the connection's input, from this message's first byte on; set when the message is whole */
	size_t body, body_len; /* offset into the message; 0: the head is not whole */

	struct scope scope;
	struct http_memory *memory;
	size_t used; /* of bytes */
	void *context;
	cJSON *json;
	const struct http_route *route; /* NULL: none matched */
	const char *method, *path;      /* path NULL: the target has none */
	char *query;                    /* NULL: none, or it was taken apart */
	unsigned parameters_count;
	bool is_answered, is_in_handler, has_api_prefix;
	int64_t started_us, user_id;
	struct buf headers;   /* lines of http_reply_header() */
	unsigned own_headers; /* enum http_own_header */
	char remote_ip[INET6_ADDRSTRLEN];
	char id[HTTP_ID_BYTES];
	struct trace trace;

	/* Not zeroed for each request. */
	struct http_parser parser;
	struct http_request *next_spare;
	struct http_parameter parameters[HTTP_QUERY_MAX]; /* of the query, decoded */
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX];
	alignas(max_align_t) char bytes[HTTP_REQUEST_BYTES]; /* for http_request_alloc() */
};

/* server.c */
void http_server_enter(struct http_connection *conn, enum http_state state); /* moves it between the lists */

/* listener.c */
void http_listener_resume(void *server);
void http_listener_look_if_ready(void *server);
void http_listener_stop(struct http_server *server);

/* io.c; io may be NULL where it is const. */
struct http_io *http_io_take(struct http_server *server);
void http_io_give(struct http_server *server, struct http_io *io);
void http_io_free_spares(struct http_server *server);
bool http_io_has_input(const struct http_io *io);
bool http_io_has_output(const struct http_io *io);
/* Makes the input hold so many bytes from the start of its message on. */
void http_io_reserve(struct http_io *io, size_t message_bytes);
/* Moves the input to the start of its buffer, and lets that grow up to bytes_max. False: it is full. */
bool http_io_make_room(struct http_io *io, size_t bytes_max);
/* What its buffers take. */
size_t http_io_bytes(const struct http_io *io);
/* How many bytes the socket took; -1: the connection broke. */
ssize_t http_io_send(struct http_io *io, int fd);

/* connection.c */
struct http_connection *http_connection_accept(struct http_server *server, int fd, const struct sockaddr_storage *peer);
/* Closes the descriptor; cancels what is being answered; frees at the end of the turn. */
void http_connection_close(struct http_connection *conn);
/* The message was answered: its reply is in the output. */
void http_connection_replied(struct http_connection *conn);
/* Writes, and goes on with what has arrived. */
void http_connection_proceed(struct http_connection *conn);
/* Lets go of an io that holds nothing. */
void http_connection_give_back(struct http_connection *conn);
bool http_connection_has_unread(const struct http_connection *conn); /* here, or in the kernel */

/* request.c */
/* The request's id, which is the client's X-Request-ID if it is sane, else 32 random hexadecimal digits; and its trace. The
 * fields that were read are enough for it. */
void http_request_set_ids(struct http_request *req);
/* A trusted proxy sent it. */
bool http_request_is_forwarded(const struct http_request *req);
struct http_request *http_request_new(struct http_connection *conn);
/* The message is whole: finds the route and runs the handler. */
void http_request_run(struct http_request *req);
/* Cancels the scope, runs destructors, frees. */
void http_request_end(struct http_request *req);
void http_request_free_spares(struct http_server *server);

/* router.c */
enum http_match { HTTP_MATCH_FOUND, HTTP_MATCH_NO_PATH, HTTP_MATCH_NO_METHOD };
/* Fills req->route and req->params. path: decoded by the router itself, one segment at a time. */
enum http_match http_router_find(struct http_request *req, const char *path);
/* "GET, HEAD, POST" for a 405 */
void http_router_allow(const struct http_request *req, const char *path, char *text, size_t size);

/* reply.c */
enum http_own_header {
	HTTP_OWN_CACHE_CONTROL = 1,
	HTTP_OWN_CONNECTION = 2,
	HTTP_OWN_AUTHENTICATE = 4,
	HTTP_OWN_RETRY_AFTER = 8,
	HTTP_OWN_CLOSES = 16, /* Connection: close */
};
/* The head of a reply whose body, if it has one, ends with the connection; its own headers are all those of
 * http_reply_header().
 */
void http_reply_head_without_end(struct http_request *req, int code, struct buf *out);
/* Of a message that was refused; does not end the request. */
void http_reply_refusal(struct http_request *req, const struct http_rule *rule);

/* access.c */
void http_access_record(struct http_request *req, int code, size_t bytes);
/* Of a message that was refused. */
void http_access_record_refusal(const struct http_request *req, const struct http_rule *rule);

/* upgrade.c: http_reply_upgrade() with another code; and what connection.c passes on. */
struct http_connection *http_upgrade_take(struct http_request *req, int code, const struct http_upgrade_calls *calls,
					  size_t input_bytes_max, void *arg);
void http_upgrade_readable(struct http_connection *conn);
void http_upgrade_writable(struct http_connection *conn);
void http_upgrade_closed(struct http_connection *conn);

#endif

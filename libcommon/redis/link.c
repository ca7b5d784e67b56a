/* One TCP connection to Redis, with TLS inside when the URL says so: commands out, replies in. */
#include "redis/redis_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_BYTES (64 * 1024)
#define SEALED_BYTES_MAX (64 * 1024) /* encrypted and not yet sent; the rest of a long command is encrypted later */
#define KEEPALIVE_S 15               /* a subscriber sends nothing, and would not notice a peer that vanished */
#define KEEPALIVE_PROBES_S 5
#define KEEPALIVE_PROBES 3

struct redis_link {
	struct redis *redis;
	int fd;
	struct event *read, *write;
	struct evbuffer *out; /* commands */
	struct tls *tls;      /* NULL: none, or not connected yet */
	struct redis_reader reader;
	bool is_connected, is_ready; /* ready: redis_connected() was called */
	bool is_on_stack, is_freed;  /* one that is freed by what it calls is freed behind that */
};

static void set_options(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PROBES_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};

	/* A connection works without them too. */
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

/* -1: errno says why. */
static int start_connecting(const union resolver_address *address, int port)
{
	union resolver_address to = *address;
	socklen_t len = address->any.sa_family == AF_INET ? sizeof to.ipv4 : sizeof to.ipv6;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), reason;

	if (fd < 0)
		return -1;
	if (address->any.sa_family == AF_INET)
		to.ipv4.sin_port = htons((uint16_t)port);
	else
		to.ipv6.sin6_port = htons((uint16_t)port);
	set_options(fd);
	if (connect(fd, &to.any, len) == 0 || errno == EINPROGRESS)
		return fd;
	reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

/* The end of TLS, or the alert after a handshake that failed: as much of it as goes out at once. Commands that were encrypted
 * and not sent have failed, and must not be sent any more. */
static void send_farewell(struct redis_link *link)
{
	struct evbuffer *out = tls_out(link->tls);

	if (link->is_ready && evbuffer_get_length(out) > 0)
		return;
	tls_close(link->tls);
	if (evbuffer_get_length(out) > 0)
		(void)send(link->fd, evbuffer_pullup(out, -1), evbuffer_get_length(out), MSG_NOSIGNAL);
}

static void link_drop(struct redis_link *link)
{
	if (link->tls)
		send_farewell(link);
	tls_free(link->tls);
	event_free(link->read);
	event_free(link->write);
	evbuffer_free(link->out);
	redis_reader_free(&link->reader);
	close(link->fd);
	free(link);
}

void redis_link_free(struct redis_link *link)
{
	if (!link)
		return;
	link->is_freed = true;
	if (!link->is_on_stack)
		link_drop(link);
}

static void lose(struct redis_link *link, const char *reason)
{
	redis_lose(link->redis, reason, STATUS_UNAVAILABLE);
}

static void take_replies(struct redis_link *link)
{
	enum status status = STATUS_OK;
	redisReply *reply = NULL;

	while (!link->is_freed && (status = redis_reader_next(&link->reader, &reply)) == STATUS_OK && reply) {
		redis_replied(link->redis, reply);
		freeReplyObject(reply);
	}
	if (!link->is_freed && status != STATUS_OK)
		lose(link, "it does not speak Redis's protocol");
}

static void ready(struct redis_link *link)
{
	link->is_ready = true;
	redis_connected(link->redis);
}

static void received(struct redis_link *link, const char *bytes, size_t len)
{
	redis_reader_feed(&link->reader, bytes, len);
	take_replies(link);
}

/* All that can be decrypted of what has arrived. */
static void received_sealed(struct redis_link *link, const char *bytes, size_t len)
{
	char plain[TLS_RECORD_BYTES];
	size_t plain_len;
	enum status status;

	tls_feed(link->tls, bytes, len);
	do {
		status = tls_read(link->tls, plain, sizeof plain, &plain_len);
		if (!link->is_ready && tls_is_open(link->tls))
			ready(link);
		if (status == STATUS_OK && plain_len > 0)
			received(link, plain, plain_len);
	} while (!link->is_freed && status == STATUS_OK && plain_len > 0);
	if (!link->is_freed && status != STATUS_OK)
		lose(link, tls_reason(link->tls));
	else if (!link->is_freed && evbuffer_get_length(tls_out(link->tls)) > 0)
		event_add(link->write, NULL);
}

static void ended(struct redis_link *link, const char *reason)
{
	lose(link, link->tls && !link->is_ready ? "the connection was closed in the TLS handshake" : reason);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;
	char bytes[READ_BYTES];
	ssize_t len = read(fd, bytes, sizeof bytes);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	link->is_on_stack = true;
	if (len <= 0)
		ended(link, len == 0 ? "the connection was closed" : strerror(errno));
	else if (link->tls)
		received_sealed(link, bytes, (size_t)len);
	else
		received(link, bytes, (size_t)len);
	link->is_on_stack = false;
	if (link->is_freed)
		link_drop(link);
}

/* 0, or why not. */
static int connect_result(int fd)
{
	int reason = 0;
	socklen_t len = sizeof reason;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &len) == 0 ? reason : errno;
}

/* A file of authorities that could not be read is read again by each attempt to connect. */
static void begin_tls(struct redis_link *link)
{
	struct redis *redis = link->redis;

	if (!redis->trust)
		redis->trust = tls_trust_new(redis->config.ca_file);
	if (redis->trust)
		link->tls = tls_new(redis->trust, redis->address.host);
	else
		lose(link, "the certificates of REDIS_CA_FILE cannot be read");
}

static void begin(struct redis_link *link)
{
	int reason = connect_result(link->fd);

	if (reason != 0) {
		lose(link, strerror(reason));
		return;
	}
	link->is_connected = true;
	event_add(link->read, NULL);
	if (link->redis->address.is_tls)
		begin_tls(link);
	else
		ready(link);
}

/* Encrypts as much of the commands as is to be sent next. */
static enum status seal(struct redis_link *link)
{
	char bytes[TLS_RECORD_BYTES];
	enum status status = STATUS_OK;
	int len;

	while (status == STATUS_OK && evbuffer_get_length(tls_out(link->tls)) < SEALED_BYTES_MAX &&
	       (len = evbuffer_remove(link->out, bytes, sizeof bytes)) > 0)
		status = tls_write(link->tls, bytes, (size_t)len);
	return status;
}

static struct evbuffer *outgoing(const struct redis_link *link)
{
	return link->tls ? tls_out(link->tls) : link->out;
}

static bool has_more(const struct redis_link *link)
{
	return evbuffer_get_length(outgoing(link)) > 0 || (link->is_ready && evbuffer_get_length(link->out) > 0);
}

static void send_out(struct redis_link *link)
{
	if (link->tls && link->is_ready && seal(link) != STATUS_OK)
		lose(link, tls_reason(link->tls));
	else if (evbuffer_get_length(outgoing(link)) > 0 && evbuffer_write(outgoing(link), link->fd) < 0 && errno != EAGAIN &&
		 errno != EINTR)
		lose(link, strerror(errno));
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;

	link->is_on_stack = true;
	if (!link->is_connected)
		begin(link);
	if (!link->is_freed)
		send_out(link);
	link->is_on_stack = false;
	if (link->is_freed)
		link_drop(link);
	else if (has_more(link))
		event_add(link->write, NULL);
}

struct redis_link *redis_link_new(struct redis *redis, const union resolver_address *address)
{
	struct redis_link *link;
	int fd = start_connecting(address, redis->address.port);

	if (fd < 0)
		return NULL;
	link = mem_alloc(sizeof *link);
	link->redis = redis;
	link->fd = fd;
	link->out = evbuffer_new();
	link->read = event_new(redis->base, fd, EV_READ | EV_PERSIST, readable, link);
	link->write = event_new(redis->base, fd, EV_WRITE, writable, link);
	if (!link->out || !link->read || !link->write)
		mem_die("no memory for a connection to Redis\n");
	event_priority_set(link->read, redis->priority);
	event_priority_set(link->write, redis->priority);
	event_add(link->write, NULL);
	return link;
}

void redis_link_send(struct redis_link *link, const char *bytes, size_t len)
{
	if (evbuffer_add(link->out, bytes, len) < 0)
		mem_die("no memory for a Redis command\n");
	event_add(link->write, NULL);
}

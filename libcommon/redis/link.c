/* One TCP connection to Redis: commands out, replies in. */
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
#define KEEPALIVE_S 15 /* a subscriber sends nothing, and would not notice a peer that vanished */
#define KEEPALIVE_PROBES_S 5
#define KEEPALIVE_PROBES 3

struct redis_link {
	struct redis *redis;
	int fd;
	struct event *read, *write;
	struct evbuffer *out;
	struct redis_reader reader;
	bool is_connected;
	bool is_on_stack, is_freed; /* one that is freed by what it calls is freed behind that */
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

static void link_drop(struct redis_link *link)
{
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

static void take_replies(struct redis_link *link)
{
	enum status status = STATUS_OK;
	redisReply *reply = NULL;

	while (!link->is_freed && (status = redis_reader_next(&link->reader, &reply)) == STATUS_OK && reply) {
		redis_replied(link->redis, reply);
		freeReplyObject(reply);
	}
	if (!link->is_freed && status != STATUS_OK)
		redis_lose(link->redis, "it does not speak Redis's protocol", STATUS_UNAVAILABLE);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;
	char bytes[READ_BYTES];
	ssize_t len = read(fd, bytes, sizeof bytes);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	link->is_on_stack = true;
	if (len > 0) {
		redis_reader_feed(&link->reader, bytes, (size_t)len);
		take_replies(link);
	} else {
		redis_lose(link->redis, len == 0 ? "the connection was closed" : strerror(errno), STATUS_UNAVAILABLE);
	}
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

static void begin(struct redis_link *link)
{
	int reason = connect_result(link->fd);

	if (reason != 0) {
		redis_lose(link->redis, strerror(reason), STATUS_UNAVAILABLE);
		return;
	}
	link->is_connected = true;
	event_add(link->read, NULL);
	redis_connected(link->redis);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;

	link->is_on_stack = true;
	if (!link->is_connected)
		begin(link);
	if (!link->is_freed && evbuffer_get_length(link->out) > 0 && evbuffer_write(link->out, fd) < 0 && errno != EAGAIN &&
	    errno != EINTR)
		redis_lose(link->redis, strerror(errno), STATUS_UNAVAILABLE);
	link->is_on_stack = false;
	if (link->is_freed)
		link_drop(link);
	else if (evbuffer_get_length(link->out) > 0)
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

/* A connection to Redis on the fake network, in place of libcommon/redis/link.c: everything above it is the daemon's own. */
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis/redis_internal.h"
#include "simulator.h"

struct redis_link {
	struct redis *redis;
	struct wire *wire;
	struct event *read, *write;
	bool is_on_stack, is_freed;
};

static void link_drop(struct redis_link *link)
{
	event_free(link->read);
	event_free(link->write);
	wire_close(link->wire);
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

static void come_back(struct redis_link *link)
{
	link->is_on_stack = false;
	if (link->is_freed)
		link_drop(link);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;
	redisReply *reply = wire_receive(&link->wire->to_client, NULL);

	link->is_on_stack = true;
	if (reply)
		redis_replied(link->redis, reply);
	else
		redis_lose(link->redis, "the connection was closed", STATUS_UNAVAILABLE);
	freeReplyObject(reply);
	come_back(link);
}

/* Only the answer to the attempt to connect makes a wire writable for a client that waits for it. */
static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;

	link->is_on_stack = true;
	if (link->wire->state == WIRE_REFUSED) {
		redis_lose(link->redis, "Connection refused", STATUS_UNAVAILABLE);
	} else {
		event_add(link->read, NULL);
		redis_connected(link->redis);
	}
	come_back(link);
}

struct redis_link *redis_link_new(struct redis *redis, const union resolver_address *address)
{
	struct redis_link *link = mem_alloc(sizeof *link);

	link->redis = redis;
	link->wire = wire_new(WIRE_REDIS, current_process->base, freeReplyObject);
	link->wire->client = link;
	link->read = event_new(redis->base, link->wire->fd, EV_READ | EV_PERSIST, readable, link);
	link->write = event_new(redis->base, link->wire->fd, EV_WRITE, writable, link);
	event_priority_set(link->read, redis->priority);
	event_priority_set(link->write, redis->priority);
	event_add(link->write, NULL);
	return link;
}

void redis_link_send(struct redis_link *link, const char *bytes, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, bytes, len);
	wire_send(&link->wire->to_server, copy, len);
}

/* hiredis on libevent. hiredis has an adapter of its own, but that of 1.x loses an event's priority at each change. */
#include "redis/redis_internal.h"

#include <event2/event.h>
#include <hiredis/async.h>
#include <stdlib.h>

#include "base/mem.h"

struct attachment {
	redisAsyncContext *context;
	struct event *read, *write;
};

static void readable(evutil_socket_t fd, short what, void *arg)
{
	redisAsyncHandleRead(((struct attachment *)arg)->context);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	redisAsyncHandleWrite(((struct attachment *)arg)->context);
}

static void add_read(void *arg)
{
	event_add(((struct attachment *)arg)->read, NULL);
}

static void del_read(void *arg)
{
	event_del(((struct attachment *)arg)->read);
}

static void add_write(void *arg)
{
	event_add(((struct attachment *)arg)->write, NULL);
}

static void del_write(void *arg)
{
	event_del(((struct attachment *)arg)->write);
}

static void cleanup(void *arg)
{
	struct attachment *attachment = arg;

	event_free(attachment->read);
	event_free(attachment->write);
	free(attachment);
}

void redis_loop_attach(redisAsyncContext *context, struct event_base *base, int priority)
{
	struct attachment *attachment = mem_alloc(sizeof *attachment);

	attachment->context = context;
	attachment->read = event_new(base, context->c.fd, EV_READ | EV_PERSIST, readable, attachment);
	attachment->write = event_new(base, context->c.fd, EV_WRITE | EV_PERSIST, writable, attachment);
	event_priority_set(attachment->read, priority);
	event_priority_set(attachment->write, priority);
	context->ev.addRead = add_read;
	context->ev.delRead = del_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = del_write;
	context->ev.cleanup = cleanup;
	context->ev.data = attachment;
}

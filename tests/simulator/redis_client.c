/* hiredis's asynchronous part (0.14) on the fake network: as much as libcommon/redis uses, with the order
 * and the conditions in which hiredis runs callbacks. What formats commands and frees replies is hiredis itself. */
#include <hiredis/async.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "simulator.h"

struct pending {
	redisCallbackFn *run;
	void *arg;
	STAILQ_ENTRY(pending) link;
};

struct client {
	redisAsyncContext context;
	struct wire *wire;
	STAILQ_HEAD(, pending) pending;
	struct pending subscriber; /* its run is NULL: there is none */
};

static struct client *of(redisAsyncContext *context)
{
	return (struct client *)context;
}

redisAsyncContext *redisAsyncConnect(const char *ip, int port)
{
	struct client *client = mem_alloc(sizeof *client);

	STAILQ_INIT(&client->pending);
	client->wire = wire_new(WIRE_REDIS, current_process->base, freeReplyObject);
	client->wire->client = client;
	client->context.c.fd = client->wire->fd;
	client->context.errstr = client->context.c.errstr;
	return &client->context;
}

int redisAsyncSetConnectCallback(redisAsyncContext *context, redisConnectCallback *run)
{
	context->onConnect = run;
	context->ev.addWrite(context->ev.data);
	return REDIS_OK;
}

int redisAsyncSetDisconnectCallback(redisAsyncContext *context, redisDisconnectCallback *run)
{
	context->onDisconnect = run;
	return REDIS_OK;
}

int redisEnableKeepAlive(redisContext *context)
{
	return REDIS_OK;
}

/* ---- commands ---- */

int redisAsyncFormattedCommand(redisAsyncContext *context, redisCallbackFn *run, void *arg, const char *bytes, size_t len)
{
	static const char subscribing[] = "*2\r\n$9\r\nSUBSCRIBE\r\n";
	struct client *client = of(context);
	struct pending *pending;
	char *copy;

	if (context->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING))
		return REDIS_ERR;
	copy = mem_alloc(len + 1);
	memcpy(copy, bytes, len);
	wire_send(&client->wire->to_server, copy, len);
	if (strncmp(copy, subscribing, strlen(subscribing)) == 0) {
		client->subscriber = (struct pending){.run = run, .arg = arg};
		return REDIS_OK;
	}
	pending = mem_alloc(sizeof *pending);
	*pending = (struct pending){.run = run, .arg = arg};
	STAILQ_INSERT_TAIL(&client->pending, pending, link);
	return REDIS_OK;
}

int redisAsyncCommand(redisAsyncContext *context, redisCallbackFn *run, void *arg, const char *format, ...)
{
	char *bytes;
	va_list args;
	int len, status;

	va_start(args, format);
	len = redisvFormatCommand(&bytes, format, args);
	va_end(args);
	status = redisAsyncFormattedCommand(context, run, arg, bytes, (size_t)len);
	redisFreeCommand(bytes);
	return status;
}

int redisAsyncCommandArgv(redisAsyncContext *context, redisCallbackFn *run, void *arg, int argc, const char **argv,
			  const size_t *lens)
{
	char *bytes;
	int len = redisFormatCommandArgv(&bytes, argc, argv, lens);
	int status = redisAsyncFormattedCommand(context, run, arg, bytes, (size_t)len);

	redisFreeCommand(bytes);
	return status;
}

/* ---- the end of a connection ---- */

static void run_first(struct client *client, redisReply *reply)
{
	struct pending *pending = STAILQ_FIRST(&client->pending);
	struct pending first = *pending;

	STAILQ_REMOVE_HEAD(&client->pending, link);
	free(pending);
	if (!first.run)
		return;
	client->context.c.flags |= REDIS_IN_CALLBACK;
	first.run(&client->context, reply, first.arg);
	client->context.c.flags &= ~REDIS_IN_CALLBACK;
}

static void end(struct client *client)
{
	redisAsyncContext *context = &client->context;

	while (!STAILQ_EMPTY(&client->pending))
		run_first(client, NULL);
	if (client->subscriber.run)
		client->subscriber.run(context, NULL, client->subscriber.arg);
	if (context->ev.cleanup)
		context->ev.cleanup(context->ev.data);
	if (context->onDisconnect && (context->c.flags & REDIS_CONNECTED))
		context->onDisconnect(context, context->c.flags & REDIS_FREEING || !context->err ? REDIS_OK : REDIS_ERR);
	wire_close(client->wire);
	free(client);
}

void redisAsyncFree(redisAsyncContext *context)
{
	context->c.flags |= REDIS_FREEING;
	if (!(context->c.flags & REDIS_IN_CALLBACK))
		end(of(context));
}

static void disconnect(struct client *client, const char *reason)
{
	redisAsyncContext *context = &client->context;

	context->err = REDIS_ERR_EOF;
	strncpy(context->c.errstr, reason, sizeof context->c.errstr - 1);
	context->c.flags |= REDIS_DISCONNECTING;
	end(client);
}

/* ---- what arrives ---- */

/* Only the answer to the attempt to connect makes a wire writable for a client that waits for it. */
void redisAsyncHandleWrite(redisAsyncContext *context)
{
	struct client *client = of(context);

	context->ev.delWrite(context->ev.data);
	if (client->wire->state == WIRE_REFUSED) {
		context->err = REDIS_ERR_IO;
		strcpy(context->c.errstr, "Connection refused");
		if (context->onConnect)
			context->onConnect(context, REDIS_ERR);
		disconnect(client, "Connection refused");
		return;
	}
	context->c.flags |= REDIS_CONNECTED;
	context->ev.addRead(context->ev.data);
	if (context->onConnect)
		context->onConnect(context, REDIS_OK);
}

/* A subscriber sends nothing else once it has subscribed. */
static bool is_message(const struct client *client, const redisReply *reply)
{
	return client->subscriber.run && STAILQ_EMPTY(&client->pending) && reply->type == REDIS_REPLY_ARRAY;
}

void redisAsyncHandleRead(redisAsyncContext *context)
{
	struct client *client = of(context);
	redisReply *reply = wire_receive(&client->wire->to_client, NULL);

	if (!reply) {
		disconnect(client, "Server closed the connection");
		return;
	}
	if (STAILQ_EMPTY(&client->pending) && reply->type == REDIS_REPLY_ERROR) { /* it answers a SUBSCRIBE */
		disconnect(client, reply->str);
		freeReplyObject(reply);
		return;
	}
	if (is_message(client, reply))
		client->subscriber.run(context, reply, client->subscriber.arg);
	else
		run_first(client, reply);
	freeReplyObject(reply);
	if (context->c.flags & REDIS_FREEING)
		end(client);
}

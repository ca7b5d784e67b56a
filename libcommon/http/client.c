/* Each call has a record in one of two queues. A callback of libevent that ends or advances a call only moves it to the queue
 * of those that are due; the loop's deferred turn then tries the next address, or reports the result and frees the call.
 *
 *   request:  start -> looked_up -> connect -> read … -> finish -> report
 *   resolve:  start -> looked_up -> finish -> report */
#include "http/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "http/client_internal.h"
#include "net/resolver.h"
#include "net/url.h"

struct http_call {
	struct http_client *client;
	struct op op;
	TAILQ_ENTRY(http_call) link;
	bool is_due, is_finished, is_connected;
	struct loop_timer *deadline;
	struct resolver_lookup *lookup; /* NULL: none in flight */
	struct resolver_addresses addresses;
	enum status status;
	const char *reason; /* static */
	int64_t started_us;
	http_client_resolved *resolved; /* this or done */
	http_client_done *done;
	void *arg;
	int port; /* from here on for a request alone */
	struct buf request;
	size_t tried; /* addresses */
	struct bufferevent *bev;
	struct http_response_reader reader;
};
TAILQ_HEAD(http_calls, http_call);

struct http_client {
	struct event_base *base;
	struct resolver *resolver;
	struct loop_deferred *deferred;
	struct http_calls in_flight, due;
	bool is_reporting, is_freed;
};

static void run_due(void *arg);

struct http_client *http_client_new(struct event_base *base)
{
	struct http_client *client = mem_alloc(sizeof *client);

	client->base = base;
	client->resolver = resolver_new(base);
	client->deferred = loop_deferred_new(base, run_due, client);
	TAILQ_INIT(&client->in_flight);
	TAILQ_INIT(&client->due);
	return client;
}

/* Not from a callback of its bufferevent. */
static void close_connection(struct http_call *call)
{
	if (call->bev)
		bufferevent_free(call->bev);
	call->bev = NULL;
}

static void call_free(struct http_call *call)
{
	struct http_client *client = call->client;

	TAILQ_REMOVE(call->is_due ? &client->due : &client->in_flight, call, link);
	op_end(&call->op);
	if (call->lookup)
		resolver_lookup_drop(call->lookup);
	close_connection(call);
	http_response_reader_free(&call->reader);
	loop_timer_free(call->deadline);
	buf_free(&call->request);
	free(call);
}

static void detach(struct http_calls *calls)
{
	struct http_call *call;

	TAILQ_FOREACH (call, calls, link)
		op_end(&call->op);
}

void http_client_free(struct http_client *client)
{
	struct http_call *call;

	if (!client)
		return;
	client->is_freed = true;
	detach(&client->in_flight); /* their scopes may be freed before run_due() comes back here */
	detach(&client->due);
	if (client->is_reporting)
		return;
	while ((call = TAILQ_FIRST(&client->in_flight)))
		call_free(call);
	while ((call = TAILQ_FIRST(&client->due)))
		call_free(call);
	resolver_free(client->resolver);
	loop_deferred_free(client->deferred);
	free(client);
}

enum status http_client_set_nameserver(struct http_client *client, const char *address)
{
	return resolver_set_nameserver(client->resolver, address);
}

static void make_due(struct http_call *call)
{
	struct http_client *client = call->client;

	if (call->is_due)
		return;
	call->is_due = true;
	TAILQ_REMOVE(&client->in_flight, call, link);
	TAILQ_INSERT_TAIL(&client->due, call, link);
	loop_deferred_schedule(client->deferred);
}

static void mute(struct http_call *call)
{
	if (!call->bev)
		return;
	bufferevent_setcb(call->bev, NULL, NULL, NULL, NULL);
	bufferevent_disable(call->bev, EV_READ | EV_WRITE);
}

static void finish(struct http_call *call, enum status status, const char *reason)
{
	if (call->is_finished)
		return;
	call->is_finished = true;
	call->status = status;
	call->reason = reason;
	loop_timer_stop(call->deadline);
	mute(call);
	make_due(call);
}

static void time_is_over(void *arg)
{
	struct http_call *call = arg;

	if (call->lookup)
		finish(call, STATUS_TIMEOUT, "looking up the name took too long");
	else
		finish(call, STATUS_TIMEOUT, call->reader.has_begun ? "the answer took too long" : "no answer in time");
}

static const char *connect_problem(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "the connection was refused";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "there is no route to the address";
	case EMFILE:
	case ENFILE:
		return "no file descriptor is left for a connection";
	default:
		return "the address can not be connected to";
	}
}

/* Ends a call whose scope was cancelled, because nothing needs the rest of the answer. */
static bool is_abandoned(struct http_call *call)
{
	if (!call->op.scope)
		finish(call, STATUS_UNAVAILABLE, "abandoned");
	return !call->op.scope;
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct http_call *call = arg;

	if (is_abandoned(call))
		return;
	switch (http_response_reader_read(&call->reader, bufferevent_get_input(bev))) {
	case HTTP_READING_MORE:
		break;
	case HTTP_READING_DONE:
		finish(call, STATUS_OK, "");
		break;
	case HTTP_READING_FAILED:
		finish(call, STATUS_UNAVAILABLE, call->reader.problem);
		break;
	}
}

static void changed(struct bufferevent *bev, short what, void *arg)
{
	struct http_call *call = arg;

	if (what & BEV_EVENT_CONNECTED) {
		call->is_connected = true;
		if (!is_abandoned(call))
			bufferevent_enable(bev, EV_READ);
	} else if (!call->is_connected) {
		call->reason = connect_problem(EVUTIL_SOCKET_ERROR());
		mute(call);
		make_due(call); /* tries the next address */
	} else if ((what & BEV_EVENT_EOF) && http_response_reader_end(&call->reader) == HTTP_READING_DONE) {
		finish(call, STATUS_OK, "");
	} else {
		(void)http_response_reader_end(&call->reader);
		finish(call, STATUS_UNAVAILABLE, call->reader.problem ? call->reader.problem : "the answer was cut off");
	}
}

static void connect_to_next(struct http_call *call)
{
	close_connection(call);
	if (is_abandoned(call))
		return;
	while (call->tried < call->addresses.count) {
		union resolver_address address = call->addresses.list[call->tried++];

		if (address.any.sa_family == AF_INET)
			address.ipv4.sin_port = htons((uint16_t)call->port);
		else
			address.ipv6.sin6_port = htons((uint16_t)call->port);
		call->bev = bufferevent_socket_new(call->client->base, -1, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(call->bev, readable, NULL, changed, call);
		bufferevent_write(call->bev, call->request.bytes, call->request.len);
		if (bufferevent_socket_connect(call->bev, &address.any, sizeof address) == 0)
			return;
		call->reason = connect_problem(errno);
		close_connection(call);
	}
	finish(call, STATUS_UNAVAILABLE, call->reason);
}

static void looked_up(enum status status, const struct resolver_addresses *addresses, const char *reason, void *arg)
{
	struct http_call *call = arg;

	call->lookup = NULL;
	if (addresses)
		call->addresses = *addresses;
	if (call->resolved || (status != STATUS_OK && status != STATUS_NOT_FOUND))
		finish(call, status, reason);
	else if (status == STATUS_NOT_FOUND)
		finish(call, STATUS_UNAVAILABLE, reason);
	else
		connect_to_next(call);
}

static struct http_call *call_new(struct http_client *client, struct scope *scope, long timeout_ms, void *arg)
{
	struct http_call *call = mem_alloc(sizeof *call);

	call->client = client;
	call->arg = arg;
	call->reason = "";
	call->started_us = clock_monotonic_us();
	call->deadline = loop_timer_new(client->base, time_is_over, call);
	loop_timer_start(call->deadline, timeout_ms > 0 ? timeout_ms : 0);
	TAILQ_INSERT_TAIL(&client->in_flight, call, link);
	op_start(scope, &call->op);
	return call;
}

void http_client_get(struct http_client *client, struct scope *scope, const char *url, long timeout_ms, size_t body_bytes_max,
		     http_client_done *done, void *arg)
{
	http_client_get_as(client, scope, url, NULL, timeout_ms, body_bytes_max, done, arg);
}

/* NULL: the URL is invalid, which is reported. The request then has its first lines, and more may follow. */
static struct http_call *request_new(struct http_client *client, struct scope *scope, const char *method, const char *text,
				     long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg)
{
	struct http_call *call = call_new(client, scope, timeout_ms, arg);
	struct url url;

	call->done = done;
	http_response_reader_init(&call->reader, body_bytes_max);
	if (url_parse(text, &url) != STATUS_OK) {
		finish(call, STATUS_INVALID, "not a url of the form http://host:port/path");
		return NULL;
	}
	call->port = url.port;
	buf_printf(&call->request, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: abacus\r\nAccept: */*\r\nConnection: close\r\n",
		   method, url.path, url.authority);
	call->lookup = resolver_look_up(client->resolver, url.host, looked_up, call);
	return call;
}

void http_client_get_as(struct http_client *client, struct scope *scope, const char *url, const char *authorization,
			long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg)
{
	struct http_call *call = request_new(client, scope, "GET", url, timeout_ms, body_bytes_max, done, arg);

	if (!call)
		return;
	if (authorization)
		buf_printf(&call->request, "Authorization: %s\r\n", authorization);
	buf_text(&call->request, "\r\n");
}

void http_client_post(struct http_client *client, struct scope *scope, const char *url, const char *content_type,
		      const struct buf *body, long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg)
{
	struct http_call *call = request_new(client, scope, "POST", url, timeout_ms, body_bytes_max, done, arg);

	if (!call)
		return;
	buf_printf(&call->request, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", content_type, body->len);
	buf_add(&call->request, body->bytes, body->len);
}

void http_client_resolve(struct http_client *client, struct scope *scope, const char *host, http_client_resolved *done,
			 void *arg)
{
	struct http_call *call = call_new(client, scope, HTTP_CLIENT_RESOLVE_TIMEOUT_MS, arg);

	call->resolved = done;
	if (url_is_host(host))
		call->lookup = resolver_look_up(client->resolver, host, looked_up, call);
	else
		finish(call, STATUS_INVALID, "not the name of a host");
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void report_addresses(const struct http_call *call)
{
	char texts[RESOLVER_ADDRESSES_MAX][INET6_ADDRSTRLEN];
	const char *list[RESOLVER_ADDRESSES_MAX];

	for (size_t i = 0; i < call->addresses.count; i++)
		list[i] = resolver_address_format(&call->addresses.list[i], texts[i]);
	qsort(texts, call->addresses.count, sizeof *texts, compare_texts);
	call->resolved(call->status, list, call->addresses.count, call->reason, call->arg);
}

static void report(struct http_call *call)
{
	struct http_response response = {
		.code = call->reader.code,
		.body = call->reader.body.len ? call->reader.body.bytes : "",
		.len = call->reader.body.len,
		.duration_ms = (double)(clock_monotonic_us() - call->started_us) / 1000,
	};

	if (!op_end(&call->op))
		return;
	if (call->resolved)
		report_addresses(call);
	else
		call->done(call->status, call->status == STATUS_OK ? &response : NULL, call->reason, call->arg);
}

static void run_due(void *arg)
{
	struct http_client *client = arg;
	struct http_call *call;

	client->is_reporting = true;
	while (!client->is_freed && (call = TAILQ_FIRST(&client->due))) {
		if (call->is_finished) {
			report(call);
			call_free(call);
		} else {
			TAILQ_REMOVE(&client->due, call, link);
			TAILQ_INSERT_TAIL(&client->in_flight, call, link);
			call->is_due = false;
			connect_to_next(call);
		}
	}
	client->is_reporting = false;
	if (client->is_freed)
		http_client_free(client);
}

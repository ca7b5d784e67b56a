/* The network: ordered, reliable while it lasts, and broken at any moment. */
#include "simulator.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/mem.h"

struct wires wires = TAILQ_HEAD_INITIALIZER(wires);

struct wire *wire_new(enum wire_kind kind, struct event_base *base, void (*drop)(void *content))
{
	struct wire *wire = mem_alloc(sizeof *wire), *other;

	wire->fd = 1;
	TAILQ_FOREACH (other, &wires, link)
		if (other->fd >= wire->fd)
			wire->fd = other->fd + 1;
	wire->kind = kind;
	wire->base = base;
	wire->drop = drop;
	STAILQ_INIT(&wire->to_server);
	STAILQ_INIT(&wire->to_client);
	TAILQ_INSERT_TAIL(&wires, wire, link);
	return wire;
}

void wire_send(struct messages *messages, void *content, size_t len)
{
	struct message *message = mem_alloc(sizeof *message);

	message->content = content;
	message->len = len;
	STAILQ_INSERT_TAIL(messages, message, link);
}

void *wire_receive(struct messages *messages, size_t *ret_len)
{
	struct message *message = STAILQ_FIRST(messages);
	void *content;

	if (!message)
		return NULL;
	content = message->content;
	if (ret_len)
		*ret_len = message->len;
	STAILQ_REMOVE_HEAD(messages, link);
	free(message);
	return content;
}

static void drop_all(struct messages *messages, void (*drop)(void *content))
{
	void *content;

	while ((content = wire_receive(messages, NULL)))
		drop(content);
}

/* Of the messages that are under way, chance lets the first ones arrive: TCP keeps the order, and loses only an end. */
static void lose_an_end(struct messages *messages)
{
	struct messages arriving = STAILQ_HEAD_INITIALIZER(arriving);
	unsigned count = 0, arrive;
	struct message *message;

	STAILQ_FOREACH(message, messages, link)
	count++;
	arrive = chance_below(2) ? count : chance_below(count + 1);
	while (arrive-- > 0) {
		message = STAILQ_FIRST(messages);
		STAILQ_REMOVE_HEAD(messages, link);
		STAILQ_INSERT_TAIL(&arriving, message, link);
	}
	drop_all(messages, free);
	STAILQ_CONCAT(messages, &arriving);
}

void wire_close(struct wire *wire)
{
	wire->base = NULL;
	wire->closed_us = now_us;
	wire->client = NULL;
	drop_all(&wire->to_client, wire->drop);
	if (wire->is_cut || wire->state != WIRE_OPEN)
		wire_free(wire);
	else if (wire->is_silent)
		drop_all(&wire->to_server, free);
	else
		lose_an_end(&wire->to_server);
}

void wire_cut(struct wire *wire)
{
	wire->is_cut = true;
	drop_all(&wire->to_server, free);
	if (wire->kind == WIRE_REDIS)
		redis_server_closed(wire);
	else
		postgres_server_closed(wire);
	if (!wire->base)
		wire_free(wire);
}

void wire_free(struct wire *wire)
{
	drop_all(&wire->to_server, free);
	drop_all(&wire->to_client, wire->drop);
	if (wire->session && wire->kind == WIRE_REDIS)
		redis_server_closed(wire);
	else if (wire->session)
		postgres_server_closed(wire);
	TAILQ_REMOVE(&wires, wire, link);
	free(wire);
}

static short ready(const struct wire *wire)
{
	bool has_end = wire->is_cut || !STAILQ_EMPTY(&wire->to_client);

	if (wire->state == WIRE_CONNECTING || wire->is_silent)
		return 0;
	return EV_WRITE | (wire->state == WIRE_OPEN && has_end ? EV_READ : 0);
}

short wire_ready(int fd)
{
	struct wire *wire;

	TAILQ_FOREACH (wire, &wires, link)
		if (wire->fd == fd && wire->base)
			return ready(wire);
	return 0;
}

/* The calls that wait for a connection when each connection has one transaction in flight at most (POSTGRES_PREPARE=false).
 * PgBouncer in transaction mode lends a connection of its own until the transaction has ended. What it has received by then of
 * our next transaction went to that connection, and the rest goes to another one. Nothing of the next one may therefore be on
 * its way before the answer (ReadyForQuery) has arrived.
 *
 * Every call passes through the queue, also when a connection is free, so that none overtakes another: a callback's next call
 * waits behind those that came before. At the end of a turn the first call goes to a connection without a transaction; a read
 * also into one that was opened for reads in the same turn. The first that no connection can take holds up all behind it, so
 * that reads never keep a write waiting. */
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "postgres/postgres_internal.h"

static void append(struct postgres *postgres, struct postgres_call *call)
{
	call->queued_by = postgres;
	call->deadline_us = clock_monotonic_us() + postgres->config.query_timeout_ms * 1000;
	TAILQ_INSERT_TAIL(&postgres->queue, call, queued);
	postgres->in_flight++;
	loop_deferred_schedule(postgres->flush);
}

void postgres_queue_add(struct postgres *postgres, struct postgres_call *call, const struct postgres_params *params)
{
	static const struct postgres_params none;

	call->params = postgres_params_copy(params ? params : &none);
	append(postgres, call);
}

void postgres_queue_add_repeated(struct postgres *postgres, struct postgres_call *call)
{
	append(postgres, call);
}

static struct postgres_call *take(struct postgres_call *call)
{
	TAILQ_REMOVE(&call->queued_by->queue, call, queued);
	call->queued_by->in_flight--;
	call->queued_by = NULL;
	return call;
}

void postgres_queue_cancelled(struct op *op)
{
	struct postgres_call *call = (struct postgres_call *)(void *)((char *)op - offsetof(struct postgres_call, op));
	struct postgres *postgres = call->queued_by;

	if (postgres)
		postgres_call_recycle(postgres, take(call));
}

static void send_on(struct postgres_connection *connection, struct postgres_call *call)
{
	const struct postgres_config *config = &connection->postgres->config;

	call->deadline_us = clock_monotonic_us() + postgres_answer_ms(config) * 1000;
	if (postgres_connection_send_kept(connection, call) != STATUS_OK)
		postgres_call_fail(connection->postgres, call, STATUS_UNAVAILABLE);
}

static void fail_all(struct postgres *postgres)
{
	struct postgres_call *call;

	while ((call = TAILQ_FIRST(&postgres->queue)))
		postgres_call_fail(postgres, take(call), STATUS_UNAVAILABLE);
}

/* All wait equally long, so the first is always the next that has waited long enough. */
void postgres_queue_expire(struct postgres *postgres, int64_t now_us)
{
	struct postgres_call *call;
	int failed = 0;

	while ((call = TAILQ_FIRST(&postgres->queue)) && now_us > call->deadline_us) {
		postgres_call_fail(postgres, take(call), STATUS_UNAVAILABLE);
		failed++;
	}
	if (failed)
		log_line(LOG_WARN, "statements found no free connection in time", LOG_INT("statements", failed));
}

/* After expiring, because the process may have been stopped for long: what is sent late would take effect after
 * postgres_settled_ms(). */
void postgres_queue_send(struct postgres *postgres)
{
	struct postgres_connection *connection;
	struct postgres_call *call;

	if (TAILQ_EMPTY(&postgres->queue))
		return;
	postgres_queue_expire(postgres, clock_monotonic_us());
	while ((call = TAILQ_FIRST(&postgres->queue)) && (connection = postgres_least_busy(postgres, call)))
		send_on(connection, take(call));
	if (call && !postgres_is_ready(postgres))
		fail_all(postgres);
}

void postgres_queue_wake(struct postgres *postgres)
{
	if (!TAILQ_EMPTY(&postgres->queue))
		loop_deferred_schedule(postgres->flush);
}

void postgres_queue_free(struct postgres *postgres)
{
	struct postgres_call *call;

	while ((call = TAILQ_FIRST(&postgres->queue))) {
		op_end(&call->op);
		postgres_call_recycle(postgres, take(call));
	}
}

#include "postgres/postgres_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "trace/span.h"

#define WATCH_MS 100

void postgres_call_recycle(struct postgres *postgres, struct postgres_call *call)
{
	free(call->params);
	call->params = NULL;
	STAILQ_INSERT_HEAD(&postgres->spare, call, link);
}

static struct postgres_call *call_new(struct postgres *postgres)
{
	struct postgres_call *call = STAILQ_FIRST(&postgres->spare);

	if (!call)
		return mem_alloc(sizeof *call);
	STAILQ_REMOVE_HEAD(&postgres->spare, link);
	memset(call, 0, sizeof *call);
	return call;
}

void postgres_call_fail(struct postgres *postgres, struct postgres_call *call, enum status status)
{
	call->failure = status;
	STAILQ_INSERT_TAIL(&postgres->failed, call, link);
	if (!loop_timer_is_running(postgres->failures))
		loop_timer_start(postgres->failures, 0);
}

static enum status judge_error(const struct postgres *postgres, const struct postgres_call *call, const PGresult *result)
{
	const struct postgres_error *error = postgres_error_of_call(postgres, call, result);

	if (!error) /* libpq's own: the connection was lost */
		return STATUS_UNAVAILABLE;
	if (error->status != STATUS_CONFLICT)
		log_line(error->status == STATUS_UNAVAILABLE ? LOG_WARN : LOG_ERROR, "a statement failed",
			 LOG_TEXT("statement", call->statement->name),
			 LOG_TEXT("sqlstate", PQresultErrorField(result, PG_DIAG_SQLSTATE)));
	return error->status;
}

static enum status status_of(const struct postgres *postgres, const struct postgres_call *call, const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		return STATUS_OK;
	case PGRES_FATAL_ERROR:
		return judge_error(postgres, call, result);
	default:
		log_line(LOG_ERROR, "a result of an unexpected kind", LOG_TEXT("kind", PQresStatus(PQresultStatus(result))));
		return STATUS_INTERNAL;
	}
}

static void record_span(const struct postgres_call *call, enum status status)
{
	trace_call_record(&call->op, "postgresql", call->statement->name, call->started_us, status != STATUS_OK);
}

void postgres_call_answer(const struct postgres *postgres, struct postgres_call *call, const PGresult *result)
{
	enum status status = status_of(postgres, call, result);
	struct postgres_rows rows = {.result = result};

	record_span(call, status);
	if (op_end(&call->op))
		call->done(status, status == STATUS_OK ? &rows : NULL, call->arg);
}

/* By a timer, in the loop's next turn: a callback that tries again at once would otherwise keep this turn going for ever. */
static void report_failed(void *arg)
{
	struct postgres *postgres = arg;
	struct postgres_calls failed = STAILQ_HEAD_INITIALIZER(failed);
	struct postgres_call *call;

	STAILQ_CONCAT(&failed, &postgres->failed);
	while ((call = STAILQ_FIRST(&failed))) {
		STAILQ_REMOVE_HEAD(&failed, link);
		record_span(call, call->failure);
		if (op_end(&call->op))
			call->done(call->failure, NULL, call->arg);
		postgres_call_recycle(postgres, call);
	}
}

static void reap(void *arg)
{
	struct postgres *postgres = arg;

	for (long i = 0; i < postgres->config.connections; i++)
		postgres_connection_reap(&postgres->connections[i]);
	postgres_queue_wake(postgres);
}

static void flush(void *arg)
{
	struct postgres *postgres = arg;

	postgres_queue_send(postgres);
	for (long i = 0; i < postgres->config.connections; i++)
		postgres_connection_flush(&postgres->connections[i]);
}

static void watch(void *arg)
{
	struct postgres *postgres = arg;
	int64_t now_us = clock_monotonic_us();

	for (long i = 0; i < postgres->config.connections; i++)
		postgres_connection_watch(&postgres->connections[i], now_us);
	postgres_queue_expire(postgres, now_us);
}

static const struct postgres *measured; /* what the gauge reads; NULL: nothing yet */

struct postgres *postgres_new(struct event_base *base, const struct postgres_config *config,
			      const struct postgres_statement *const *statements)
{
	struct postgres *postgres = mem_alloc(sizeof *postgres);

	measured = postgres;
	postgres->base = base;
	postgres->config = *config;
	postgres->statements = statements;
	postgres->host = postgres_config_host(config);
	postgres->resolver = resolver_new(base);
	STAILQ_INIT(&postgres->failed);
	STAILQ_INIT(&postgres->spare);
	TAILQ_INIT(&postgres->queue);
	postgres->flush = loop_deferred_new(base, flush, postgres);
	postgres->reap = loop_deferred_new(base, reap, postgres);
	postgres->failures = loop_timer_new(base, report_failed, postgres);
	postgres->watch = loop_every(base, WATCH_MS, watch, postgres);
	postgres->connections = mem_alloc((size_t)config->connections * sizeof *postgres->connections);
	for (long i = 0; i < config->connections; i++)
		postgres_connection_init(&postgres->connections[i], postgres);
	return postgres;
}

static void free_calls(struct postgres_calls *calls)
{
	struct postgres_call *call;

	while ((call = STAILQ_FIRST(calls))) {
		STAILQ_REMOVE_HEAD(calls, link);
		op_end(&call->op);
		free(call->params);
		free(call);
	}
}

void postgres_free(struct postgres *postgres)
{
	if (!postgres)
		return;
	if (measured == postgres)
		measured = NULL;
	for (long i = 0; i < postgres->config.connections; i++) {
		postgres_connection_close(&postgres->connections[i]);
		free_calls(&postgres->connections[i].sent);
	}
	postgres_queue_free(postgres);
	free_calls(&postgres->failed);
	free_calls(&postgres->spare);
	resolver_free(postgres->resolver);
	loop_timer_free(postgres->failures);
	loop_timer_free(postgres->watch);
	loop_deferred_free(postgres->flush);
	loop_deferred_free(postgres->reap);
	free(postgres->connections);
	free(postgres->host);
	free(postgres);
}

bool postgres_is_ready(const struct postgres *postgres)
{
	for (long i = 0; i < postgres->config.connections; i++)
		if (postgres_connection_is_usable(&postgres->connections[i]))
			return true;
	return false;
}

void postgres_replace(struct postgres *postgres)
{
	for (long i = 0; i < postgres->config.connections; i++)
		postgres_connection_replace(&postgres->connections[i]);
}

int postgres_in_flight(const struct postgres *postgres)
{
	return postgres->in_flight;
}

static double measured_in_flight(void *arg)
{
	return measured ? measured->in_flight : 0;
}

void postgres_register_metrics(void)
{
	metrics_gauge_read("postgres_queries_in_flight", NULL, "Queries not answered yet, also those that wait to be sent.",
			   measured_in_flight, NULL);
}

/* Without prepared statements a connection has one transaction in flight at most, which other reads can join until its sync. */
static bool can_take(const struct postgres_connection *connection, const struct postgres_call *call)
{
	if (!postgres_connection_is_usable(connection))
		return false;
	return connection->postgres->config.prepares || connection->in_flight == 0 ||
	       (connection->is_sharing && postgres_call_shares(call));
}

struct postgres_connection *postgres_least_busy(struct postgres *postgres, const struct postgres_call *call)
{
	struct postgres_connection *best = NULL;

	for (long i = 0; i < postgres->config.connections; i++) {
		struct postgres_connection *connection = &postgres->connections[i];

		if (can_take(connection, call) && (!best || connection->in_flight < best->in_flight))
			best = connection;
	}
	return best;
}

static void send_now(struct postgres *postgres, struct postgres_call *call, const struct postgres_params *params)
{
	struct postgres_connection *connection = postgres_least_busy(postgres, call);

	call->deadline_us = call->started_us + postgres_answer_ms(&postgres->config) * 1000;
	if (!connection || postgres_connection_send(connection, call, params) != STATUS_OK)
		postgres_call_fail(postgres, call, STATUS_UNAVAILABLE);
	else
		loop_deferred_schedule(postgres->flush);
}

void postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
		   const struct postgres_params *params, postgres_done *done, void *arg)
{
	struct postgres_call *call = call_new(postgres);

	call->statement = statement;
	call->done = done;
	call->arg = arg;
	call->started_us = clock_monotonic_us();
	op_start_queued(scope, &call->op, postgres_queue_cancelled);
	if (postgres->in_flight >= postgres->config.in_flight_max)
		postgres_call_fail(postgres, call, STATUS_BUSY);
	else if (postgres->config.prepares)
		send_now(postgres, call, params);
	else
		postgres_queue_add(postgres, call, params);
}

int postgres_count(const struct postgres_rows *rows)
{
	return PQntuples(rows->result);
}

int64_t postgres_affected(const struct postgres_rows *rows)
{
	return strtoll(PQcmdTuples((PGresult *)(uintptr_t)rows->result), NULL, 10);
}

bool postgres_is_null(const struct postgres_rows *rows, int row, int column)
{
	return PQgetisnull(rows->result, row, column);
}

const char *postgres_text(const struct postgres_rows *rows, int row, int column)
{
	const char *text = PQgetvalue(rows->result, row, column);

	return text ? text : "";
}

int64_t postgres_int(const struct postgres_rows *rows, int row, int column)
{
	return strtoll(postgres_text(rows, row, column), NULL, 10);
}

bool postgres_bool(const struct postgres_rows *rows, int row, int column)
{
	return postgres_text(rows, row, column)[0] == 't';
}

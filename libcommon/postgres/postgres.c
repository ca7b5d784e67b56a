#include "postgres/postgres_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define WATCH_MS 100

const struct config_option db_options[] = {
	{"DATABASE_URL", CONFIG_URL, offsetof(struct db_config, url), NULL,
	 "postgres://user:password@host:port/database; or libpq's PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE", 0, 0, true},
	{"DATABASE_TEST_URL", CONFIG_URL, offsetof(struct db_config, test_url), NULL,
	 "taken instead of DATABASE_URL when APP_ENV=testing", 0, 0, true},
	{"POSTGRES_CONNECTIONS", CONFIG_INT, offsetof(struct db_config, connections), "2", "connections a process", 1, 64,
	 false},
	{"POSTGRES_IN_FLIGHT_MAX", CONFIG_INT, offsetof(struct db_config, in_flight_max), "10000",
	 "queries in flight at once; beyond it 503", 1, 1000000, false},
	{"POSTGRES_QUERY_TIMEOUT_MS", CONFIG_INT, offsetof(struct db_config, query_timeout_ms), "5000", "time limit of a query",
	 10, 600000, false},
	{"POSTGRES_CONNECT_TIMEOUT_MS", CONFIG_INT, offsetof(struct db_config, connect_timeout_ms), "3000",
	 "time limit of connecting", 10, 600000, false},
	{0},
};

void db_config_choose(struct db_config *db, enum app_env env)
{
	char *url = db->url;

	if (env != APP_ENV_TESTING || !db->test_url)
		return;
	db->url = db->test_url;
	db->test_url = url;
	db->variable = "DATABASE_TEST_URL";
}

void db_config_check(struct db_config *db, struct config *config)
{
	const char *host = getenv("PGHOST"), *problem;

	db_config_choose(db, config_env(config));
	problem = db_config_problem(db);
	if (problem)
		config_problem(config, "%s: %s", db->variable ? db->variable : "DATABASE_URL", problem);
	if (config_env(config) >= APP_ENV_STAGING && !db->url && (!host || !*host))
		config_problem(config, "DATABASE_URL: is not set; set DATABASE_URL or DATABASE_URL_FILE");
}

/* libpq takes for a database's name what does not begin like a URL, and then names it in its errors, with the password in it.
 */
const char *db_config_problem(const struct db_config *config)
{
	PQconninfoOption *parts;

	if (!config->url)
		return NULL;
	if (strncmp(config->url, "postgres://", 11) != 0 && strncmp(config->url, "postgresql://", 13) != 0)
		return "must begin with postgres:// or postgresql://";
	parts = PQconninfoParse(config->url, NULL);
	PQconninfoFree(parts);
	return parts ? NULL : "is not a URL that libpq understands; are special characters in it percent-encoded?";
}

void db_call_recycle(struct db *db, struct db_call *call)
{
	free(call->params);
	call->params = NULL;
	STAILQ_INSERT_HEAD(&db->spare, call, link);
}

static struct db_call *call_new(struct db *db)
{
	struct db_call *call = STAILQ_FIRST(&db->spare);

	if (!call)
		return mem_alloc(sizeof *call);
	STAILQ_REMOVE_HEAD(&db->spare, link);
	memset(call, 0, sizeof *call);
	return call;
}

void db_call_fail(struct db *db, struct db_call *call, enum status status)
{
	call->failure = status;
	STAILQ_INSERT_TAIL(&db->failed, call, link);
	if (!event_pending(db->tell, EV_TIMEOUT, NULL))
		event_add(db->tell, &(struct timeval){0});
}

static enum status status_of(const PGresult *result, const struct db_call *call)
{
	const char *sqlstate;

	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		return STATUS_OK;
	case PGRES_FATAL_ERROR:
		sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (!sqlstate)
			return STATUS_UNAVAILABLE;
		if (strcmp(sqlstate, "23505") == 0) /* unique_violation */
			return STATUS_CONFLICT;
		if (strncmp(sqlstate, "57P", 3) == 0 || strncmp(sqlstate, "53", 2) == 0) /* shutting down, out of resources */
			return STATUS_UNAVAILABLE;
		log_line(LOG_ERROR, "a statement failed", LOG_TEXT("statement", call->statement->name),
			 LOG_TEXT("sqlstate", sqlstate));
		return strcmp(sqlstate, "57014") == 0 ? STATUS_TIMEOUT : STATUS_INTERNAL; /* query_canceled */
	default:
		log_line(LOG_ERROR, "a result of an unexpected kind", LOG_TEXT("kind", PQresStatus(PQresultStatus(result))));
		return STATUS_INTERNAL;
	}
}

void db_call_answer(struct db_call *call, const PGresult *result)
{
	enum status status = status_of(result, call);
	struct db_rows rows = {.result = result};

	if (op_end(&call->op))
		call->done(status, status == STATUS_OK || status == STATUS_CONFLICT ? &rows : NULL, call->arg);
}

/* In the loop's next turn, by a timer: one whose callback tries again at once would be told in the same turn for ever. */
static void tell_failed(evutil_socket_t fd, short what, void *arg)
{
	struct db *db = arg;
	struct db_calls failed = STAILQ_HEAD_INITIALIZER(failed);
	struct db_call *call;

	STAILQ_CONCAT(&failed, &db->failed);
	while ((call = STAILQ_FIRST(&failed))) {
		STAILQ_REMOVE_HEAD(&failed, link);
		if (op_end(&call->op))
			call->done(call->failure, NULL, call->arg);
		db_call_recycle(db, call);
	}
}

static void reap(void *arg)
{
	struct db *db = arg;

	for (long i = 0; i < db->config.connections; i++)
		db_connection_reap(&db->connections[i]);
}

static void flush(void *arg)
{
	struct db *db = arg;

	for (long i = 0; i < db->config.connections; i++)
		db_connection_flush(&db->connections[i]);
}

static void watch(evutil_socket_t fd, short what, void *arg)
{
	struct db *db = arg;

	for (long i = 0; i < db->config.connections; i++)
		db_connection_watch(&db->connections[i], clock_monotonic_us());
}

struct db *db_new(struct event_base *base, const struct db_config *config, const struct db_statement *const *statements)
{
	struct db *db = mem_alloc(sizeof *db);

	db->base = base;
	db->config = *config;
	db->statements = statements;
	STAILQ_INIT(&db->failed);
	STAILQ_INIT(&db->spare);
	db->flush = loop_deferred_new(base, flush, db);
	db->reap = loop_deferred_new(base, reap, db);
	db->tell = event_new(base, -1, 0, tell_failed, db);
	event_priority_set(db->tell, LOOP_PRIORITY_NORMAL);
	db->watch = event_new(base, -1, EV_PERSIST, watch, db);
	event_priority_set(db->watch, LOOP_PRIORITY_NORMAL);
	event_add(db->watch, &(struct timeval){.tv_usec = WATCH_MS * 1000});
	db->connections = mem_alloc((size_t)config->connections * sizeof *db->connections);
	for (long i = 0; i < config->connections; i++)
		db_connection_init(&db->connections[i], db);
	return db;
}

static void free_calls(struct db_calls *calls)
{
	struct db_call *call;

	while ((call = STAILQ_FIRST(calls))) {
		STAILQ_REMOVE_HEAD(calls, link);
		op_end(&call->op);
		free(call->params);
		free(call);
	}
}

void db_free(struct db *db)
{
	if (!db)
		return;
	for (long i = 0; i < db->config.connections; i++) {
		db_connection_close(&db->connections[i]);
		free_calls(&db->connections[i].sent);
	}
	free_calls(&db->failed);
	free_calls(&db->spare);
	event_free(db->tell);
	event_free(db->watch);
	loop_deferred_free(db->flush);
	loop_deferred_free(db->reap);
	free(db->connections);
	free(db);
}

bool db_is_ready(const struct db *db)
{
	for (long i = 0; i < db->config.connections; i++)
		if (db->connections[i].state == DB_READY && !db->connections[i].is_lost)
			return true;
	return false;
}

int db_in_flight(const struct db *db)
{
	return db->in_flight;
}

static struct db_connection *least_busy(struct db *db)
{
	struct db_connection *best = NULL;

	for (long i = 0; i < db->config.connections; i++) {
		struct db_connection *connection = &db->connections[i];

		if (connection->state == DB_READY && !connection->is_lost && (!best || connection->in_flight < best->in_flight))
			best = connection;
	}
	return best;
}

void db_exec(struct db *db, struct scope *scope, const struct db_statement *statement, const struct db_params *params,
	     db_done *done, void *arg)
{
	struct db_connection *connection = least_busy(db);
	struct db_call *call = call_new(db);

	call->statement = statement;
	call->done = done;
	call->arg = arg;
	call->deadline_us = clock_monotonic_us() + db_settled_ms(&db->config) * 1000;
	op_start(scope, &call->op);
	if (db->in_flight >= db->config.in_flight_max)
		db_call_fail(db, call, STATUS_BUSY);
	else if (!connection || db_connection_send(connection, call, params) != STATUS_OK)
		db_call_fail(db, call, STATUS_UNAVAILABLE);
	else
		loop_deferred_schedule(db->flush);
}

int db_count(const struct db_rows *rows)
{
	return PQntuples(rows->result);
}

int64_t db_affected(const struct db_rows *rows)
{
	return strtoll(PQcmdTuples((PGresult *)(uintptr_t)rows->result), NULL, 10);
}

bool db_is_null(const struct db_rows *rows, int row, int column)
{
	return PQgetisnull(rows->result, row, column);
}

const char *db_text(const struct db_rows *rows, int row, int column)
{
	return PQgetvalue(rows->result, row, column);
}

int64_t db_int(const struct db_rows *rows, int row, int column)
{
	return strtoll(db_text(rows, row, column), NULL, 10);
}

bool db_bool(const struct db_rows *rows, int row, int column)
{
	return db_text(rows, row, column)[0] == 't';
}

const char *db_constraint(const struct db_rows *rows)
{
	const char *name = PQresultErrorField(rows->result, PG_DIAG_CONSTRAINT_NAME);

	return name ? name : "";
}

/* libpq in pipeline mode on the fake network: as much as libcommon/postgres uses. Results come in order; each is
 * followed by a NULL, and a sync is not (https://www.postgresql.org/docs/15/libpq-pipeline-mode.html). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "postgres_fake.h"

struct pg_conn {
	struct wire *wire;
	ConnStatusType status;
	struct messages inbox; /* read from the socket, not taken yet */
	bool owes_null;        /* the end of the results of the statement whose result was taken last */
};

/* ---- connecting ---- */

static void drop_result(void *result)
{
	PQclear(result);
}

PGconn *PQconnectStartParams(const char *const *keys, const char *const *values, int expand)
{
	PGconn *conn = mem_alloc(sizeof *conn);

	conn->wire = wire_new(WIRE_POSTGRES, current_process->base, drop_result);
	conn->wire->client = conn;
	conn->status = CONNECTION_STARTED;
	STAILQ_INIT(&conn->inbox);
	return conn;
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
	conn->status = conn->wire->state == WIRE_OPEN ? CONNECTION_OK : CONNECTION_BAD;
	return conn->status == CONNECTION_OK ? PGRES_POLLING_OK : PGRES_POLLING_FAILED;
}

void PQfinish(PGconn *conn)
{
	PGresult *result;

	if (!conn)
		return;
	while ((result = wire_receive(&conn->inbox, NULL)))
		PQclear(result);
	wire_close(conn->wire);
	free(conn);
}

int PQsocket(const PGconn *conn)
{
	return conn->wire->fd;
}

ConnStatusType PQstatus(const PGconn *conn)
{
	return conn->status;
}

char *PQerrorMessage(const PGconn *conn)
{
	static char none[] = "";

	return none;
}

int PQsetnonblocking(PGconn *conn, int is_nonblocking)
{
	return 0;
}

int PQenterPipelineMode(PGconn *conn)
{
	return 1;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
	return NULL;
}

PGTransactionStatusType PQtransactionStatus(const PGconn *conn)
{
	return PQTRANS_ACTIVE;
}

/* ---- sending ---- */

static int send_request(PGconn *conn, enum request_kind kind, const char *name, int count, const char *const *texts)
{
	size_t bytes = sizeof(struct postgres_request) + strlen(name) + 1;
	struct postgres_request *request;
	char *end;

	for (int i = 0; i < count; i++)
		bytes += texts[i] ? strlen(texts[i]) + 1 : 0;
	request = mem_alloc(bytes);
	request->kind = kind;
	request->count = count;
	request->name = (char *)(request + 1);
	end = stpcpy((char *)(request + 1), name) + 1;
	for (int i = 0; i < count; i++) {
		if (!texts[i])
			continue;
		request->texts[i] = end;
		end = stpcpy(end, texts[i]) + 1;
	}
	wire_send(&conn->wire->to_server, request, 0);
	return 1;
}

int PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *texts, const int *lens,
			const int *formats, int result_format)
{
	return send_request(conn, REQUEST_STATEMENT, name, count, texts);
}

int PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types, const char *const *texts, const int *lens,
		      const int *formats, int result_format)
{
	return send_request(conn, REQUEST_STATEMENT, "", count, texts);
}

int PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
	return send_request(conn, REQUEST_PREPARE, name, 0, NULL);
}

int PQpipelineSync(PGconn *conn)
{
	return send_request(conn, REQUEST_SYNC, "", 0, NULL);
}

int PQflush(PGconn *conn)
{
	return 0;
}

/* ---- receiving ---- */

/* Reads as much as chance lets arrive at once. */
int PQconsumeInput(PGconn *conn)
{
	PGresult *result = wire_receive(&conn->wire->to_client, NULL);

	if (!result) {
		conn->status = CONNECTION_BAD;
		return 0;
	}
	do {
		wire_send(&conn->inbox, result, 0);
		result = chance_of(3, 4) ? wire_receive(&conn->wire->to_client, NULL) : NULL;
	} while (result);
	return 1;
}

int PQisBusy(PGconn *conn)
{
	return !conn->owes_null && STAILQ_EMPTY(&conn->inbox);
}

PGresult *PQgetResult(PGconn *conn)
{
	PGresult *result;

	if (conn->owes_null) {
		conn->owes_null = false;
		return NULL;
	}
	result = wire_receive(&conn->inbox, NULL);
	conn->owes_null = result && result->status != PGRES_PIPELINE_SYNC;
	return result;
}

/* ---- results ---- */

PGresult *result_new(int rows, int columns)
{
	PGresult *result = mem_alloc(sizeof *result);

	*result = (PGresult){.status = columns ? PGRES_TUPLES_OK : PGRES_COMMAND_OK,
			     .rows = rows,
			     .columns = columns,
			     .tag = "SELECT",
			     .affected = rows};
	result->cells = mem_alloc((size_t)(rows * columns) * sizeof *result->cells);
	return result;
}

PGresult *result_error(const char *sqlstate)
{
	PGresult *result = result_new(0, 0);

	result->status = PGRES_FATAL_ERROR;
	result->sqlstate = sqlstate;
	result->tag = "";
	return result;
}

void result_set(PGresult *result, int row, int column, const char *text)
{
	result->cells[row * result->columns + column] = mem_strdup(text);
}

void result_set_int(PGresult *result, int row, int column, int64_t number)
{
	char text[INT64_TEXT_BYTES];

	int64_format(number, text);
	result_set(result, row, column, text);
}

void result_set_bool(PGresult *result, int row, int column, bool flag)
{
	result_set(result, row, column, flag ? "t" : "f");
}

void PQclear(PGresult *result)
{
	if (!result)
		return;
	for (int i = 0; i < result->rows * result->columns; i++)
		free(result->cells[i]);
	free(result->cells);
	free(result);
}

ExecStatusType PQresultStatus(const PGresult *result)
{
	return result ? result->status : PGRES_FATAL_ERROR;
}

char *PQresStatus(ExecStatusType status)
{
	static char name[] = "of the simulator";

	return name;
}

char *PQresultErrorField(const PGresult *result, int field)
{
	return field == PG_DIAG_SQLSTATE ? (char *)(uintptr_t)result->sqlstate : NULL;
}

char *PQcmdStatus(PGresult *result)
{
	return (char *)(uintptr_t)result->tag;
}

char *PQcmdTuples(PGresult *result)
{
	static char text[INT64_TEXT_BYTES];

	int64_format(result->affected, text);
	return text;
}

int PQntuples(const PGresult *result)
{
	return result->rows;
}

int PQgetisnull(const PGresult *result, int row, int column)
{
	return !result->cells[row * result->columns + column];
}

char *PQgetvalue(const PGresult *result, int row, int column)
{
	static char empty[] = "";
	char *text = result->cells[row * result->columns + column];

	return text ? text : empty;
}

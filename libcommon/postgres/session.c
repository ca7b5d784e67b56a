#include "postgres/session.h"

#include <stddef.h>

/* A SELECT, because a pipeline takes one statement at a time. Acknowledged writes must survive a crash of Postgres, so
 * synchronous_commit is not left off; what an operator chose beyond that (remote_apply, …) stays. A wait for a lock ends with
 * the statement's time, and not before. default_transaction_read_only stays too, because only an operator knows why Postgres
 * takes no writes. Dates are never exchanged as text, so DateStyle may be anything. Each statement can find its rows by an
 * index, whatever its parameters are (tests/api/test_statements.py), and does when they are many (bench/scale --compare), so
 * one plan does for all; otherwise Postgres plans a page of a large table anew for each request, because it takes a tenth of
 * the table for a LIMIT that it does not know yet. */
const char postgres_session_sql[] =
	"SELECT set_config('client_encoding', 'UTF8', false), set_config('standard_conforming_strings', 'on', false),"
	" set_config('TimeZone', 'UTC', false), set_config('default_transaction_isolation', 'read committed', false),"
	" set_config('search_path', 'public', false), set_config('array_nulls', 'on', false),"
	" set_config('statement_timeout', $1, false), set_config('lock_timeout', '0', false),"
	" set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false),"
	" set_config('plan_cache_mode', 'force_generic_plan', false)";

enum status postgres_session_set(PGconn *conn)
{
	const char *no_limit = "0";
	PGresult *result = PQexecParams(conn, postgres_session_sql, 1, NULL, &no_limit, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_TUPLES_OK ? STATUS_OK : STATUS_UNAVAILABLE;
}

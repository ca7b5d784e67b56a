/* Asynchronous Postgres over libpq's pipeline mode: a few connections carry the queries of all requests at once. A statement
 * that writes is an implicit transaction of its own (one PQpipelineSync a call). The statements that only read share one
 * transaction for each connection and turn of the loop, because before libpq 17 each sync is a send(2). A failing read aborts
 * the reads after it in the shared transaction; each of these is then sent again, alone, so that no other call fails.
 * https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 *
 * With POSTGRES_PREPARE=false a connection has one transaction in flight at most, because a pooler in transaction mode may give
 * each one to another connection of its own, and PgBouncer splits a statement over two of them if it is on its way when that
 * happens. The other calls wait, first come, first served; the reads that wait together share a transaction.
 *
 * A call ends when its transaction has ended: STATUS_OK of a write means that it is committed.
 * When a connection is lost, everything in flight on it ends with STATUS_UNAVAILABLE (this module never repeats a write). It
 * reconnects with back-off; meanwhile calls end with STATUS_UNAVAILABLE at once if no other connection is ready. */
#ifndef ABACUS_POSTGRES_H
#define ABACUS_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/int64.h"
#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct postgres;
struct postgres_rows; /* borrowed for the callback's duration */

struct postgres_config {
	char *url;      /* DATABASE_URL; NULL: libpq reads PGHOST, PGPORT, … itself */
	char *test_url; /* DATABASE_TEST_URL */
	long connections, in_flight_max, query_timeout_ms, connect_timeout_ms;
	const char *variable; /* where the URL came from, for the log; NULL: DATABASE_URL */
	bool prepares; /* false: each call sends its SQL, one transaction at a time, as a pooler in transaction mode needs it */
};
extern const struct config_option postgres_options[];

/* How long after postgres_exec() a statement can still take effect, even if the process has died: Postgres ends it at
 * query_timeout_ms, and one that is not prepared may have waited for a connection for as long. */
static inline long postgres_settled_ms(const struct postgres_config *config)
{
	return (config->prepares ? 1 : 2) * config->query_timeout_ms + 1000;
}

/* Uses test_url in place of url when APP_ENV is testing and test_url is set. */
void postgres_config_choose(struct postgres_config *postgres, enum app_env env);
/* Call it after loading: chooses, checks the URL, and adds a problem if staging or production has neither a URL nor PGHOST, so
 * that libpq would connect to any database on this machine. */
void postgres_config_check(struct postgres_config *postgres, struct config *config);
/* Adds a problem if the URL is invalid, or if in staging or production it or PGPASSWORD holds a password that the repository
 * shows. */
void postgres_config_check_url(const struct postgres_config *postgres, struct config *config);
/* What is wrong with the URL, a static text ("must …") without any part of the URL; NULL when it is valid. */
const char *postgres_config_problem(const struct postgres_config *config);

/* A prepared statement; static. Prepared (POSTGRES_PREPARE=false: checked) on each connection before it is used for calls. */
struct postgres_statement {
	const char *name;
	const char *sql;
	bool only_reads; /* may be sent twice, and share a transaction */
};

#define POSTGRES_PARAMS_MAX 14
struct postgres_params { /* begin with {0}; never copy it, because it points into itself; texts are borrowed until
			    postgres_exec() returns */
	int count;
	const char *texts[POSTGRES_PARAMS_MAX];
	char digits[POSTGRES_PARAMS_MAX][INT64_TEXT_BYTES];
};
void postgres_param_text(struct postgres_params *params, const char *text); /* NULL: SQL null */
void postgres_param_int(struct postgres_params *params, int64_t number);
void postgres_param_bool(struct postgres_params *params, bool flag);

/* `statements` ends with a NULL entry. Connecting starts at once and never blocks; each address of a name is tried in turn.
 * Only the names of a list of hosts, or of a service file, are looked up by libpq, which blocks the loop meanwhile. */
struct postgres *postgres_new(struct event_base *base, const struct postgres_config *config,
			      const struct postgres_statement *const *statements);
/* Drops what is in flight; no callback runs. A look-up in flight is freed from the loop: let it turn once more before it is
 * freed. */
void postgres_free(struct postgres *postgres);
bool postgres_is_ready(const struct postgres *postgres); /* at least one connection answers */
/* For a caller that only reads, because no error (25006) says that its connections lead to the wrong server: each connects anew
 * when what it has in flight is answered, without a line in the log. The caller paces it, and may be a callback. */
void postgres_replace(struct postgres *postgres);
int postgres_in_flight(const struct postgres *postgres);
/* Registers the gauge postgres_queries_in_flight, of the postgres that the process makes last. */
void postgres_register_metrics(void);

/* STATUS_OK with rows; otherwise rows is NULL: BUSY (in_flight_max), UNAVAILABLE (no connection, or none that was free within
 * query_timeout_ms), TIMEOUT (no answer), or what the table of errors.c says of the SQLSTATE, logged with the statement's name,
 * never with its parameters (CONFLICT is not logged). Some errors say that another connection may do better (25006: it takes no
 * writes): then it is replaced. */
typedef void postgres_done(enum status status, const struct postgres_rows *rows, void *arg);
void postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
		   const struct postgres_params *params, postgres_done *done, void *arg);

int postgres_count(const struct postgres_rows *rows);
int64_t postgres_affected(const struct postgres_rows *rows);
bool postgres_is_null(const struct postgres_rows *rows, int row, int column);
const char *postgres_text(const struct postgres_rows *rows, int row, int column); /* "" for null */
int64_t postgres_int(const struct postgres_rows *rows, int row, int column);
bool postgres_bool(const struct postgres_rows *rows, int row, int column);

#endif

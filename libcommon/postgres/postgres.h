/* Asynchronous Postgres over libpq's pipeline mode: a few connections, every request's queries in flight on them at once. A
 * statement that writes is its own implicit transaction (one PQpipelineSync a call); those that only read share one a
 * connection and turn of the loop, because before libpq 17 each sync is a send(2). One that fails aborts those behind it in its
 * transaction, which are then asked again, each alone, so that it harms nobody.
 * https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 *
 * A call ends when its transaction has ended: STATUS_OK of a write means that it is committed.
 * Lost connection: everything in flight on it ends with STATUS_UNAVAILABLE (writes are never repeated by this module),
 * reconnecting goes on with back-off, and calls made meanwhile end with STATUS_UNAVAILABLE at once. */
#ifndef ABACUS_DB_H
#define ABACUS_DB_H

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
	char *url;      /* DATABASE_URL, or NULL when PGHOST, PGPORT, … are to speak (libpq reads them itself) */
	char *test_url; /* DATABASE_TEST_URL */
	long connections, in_flight_max, query_timeout_ms, connect_timeout_ms;
	const char *variable; /* where the URL came from, for the log; NULL: DATABASE_URL */
};
extern const struct config_option
	postgres_options[]; /* DATABASE_URL, POSTGRES_CONNECTIONS=2, POSTGRES_IN_FLIGHT_MAX=10000, … */

/* After this long a statement that was sent is over, whatever became of who sent it: Postgres ends it at query_timeout_ms. */
static inline long postgres_settled_ms(const struct postgres_config *config)
{
	return config->query_timeout_ms + 1000;
}

/* Puts the test database in the other's place when APP_ENV is testing and it is given. */
void postgres_config_choose(struct postgres_config *postgres, enum app_env env);
/* After loading: chooses, and adds a problem where the URL is no URL, or where staging or production would speak to whatever
 * database is on this machine. */
void postgres_config_check(struct postgres_config *postgres, struct config *config);
/* What is wrong with the URL, static words ("must …") without any part of it; NULL when it can be used. */
const char *postgres_config_problem(const struct postgres_config *config);

/* A prepared statement; static. Prepared on each connection before it is used for calls. */
struct postgres_statement {
	const char *name;
	const char *sql;
	bool only_reads; /* may be asked twice, and share a transaction */
};

#define POSTGRES_PARAMS_MAX 12
struct postgres_params { /* build with {0} and the calls below, never copy: it points into itself; texts are borrowed until
		      postgres_exec() returns */
	int count;
	const char *texts[POSTGRES_PARAMS_MAX];
	char digits[POSTGRES_PARAMS_MAX][INT64_TEXT_BYTES];
};
void postgres_param_text(struct postgres_params *params, const char *text); /* NULL is SQL null */
void postgres_param_int(struct postgres_params *params, int64_t number);
void postgres_param_bool(struct postgres_params *params, bool flag);

/* `statements` ends with a NULL entry. Connecting starts at once; the call itself never blocks. The look-up of a host's name is
 * libpq's and blocks the loop, so the URL should hold an address, or a name that is resolved on the machine or beside it. */
struct postgres *postgres_new(struct event_base *base, const struct postgres_config *config,
			      const struct postgres_statement *const *statements);
void postgres_free(struct postgres *postgres);           /* what is in flight is dropped, its callbacks do not run */
bool postgres_is_ready(const struct postgres *postgres); /* at least one connection answers */
int postgres_in_flight(const struct postgres *postgres);
/* Registers the gauge postgres_queries_in_flight, of the postgres that the process makes last. */
void postgres_register_metrics(void);

/* STATUS_OK with rows; STATUS_CONFLICT (SQLSTATE 23505) with rows so that postgres_constraint() can say which;
 * otherwise rows is NULL: BUSY (in_flight_max), UNAVAILABLE, TIMEOUT (57014, or no answer), INTERNAL (logged here with its
 * SQLSTATE and the statement's name, never with its parameters). */
typedef void postgres_done(enum status status, const struct postgres_rows *rows, void *arg);
void postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
		   const struct postgres_params *params, postgres_done *done, void *arg);

int postgres_count(const struct postgres_rows *rows);
int64_t postgres_affected(const struct postgres_rows *rows);
bool postgres_is_null(const struct postgres_rows *rows, int row, int column);
const char *postgres_text(const struct postgres_rows *rows, int row, int column); /* "" for null */
int64_t postgres_int(const struct postgres_rows *rows, int row, int column);
bool postgres_bool(const struct postgres_rows *rows, int row, int column);
const char *postgres_constraint(const struct postgres_rows *rows); /* "" if none */

#endif

/* What the fake libpq and the fake Postgres share, and what a statement's stand-in gets. The machinery (postgres_client.c,
 * postgres_server.c) knows no statement; postgres_statements.c knows nothing else. */
#ifndef ABACUS_SIMULATOR_POSTGRES_FAKE_H
#define ABACUS_SIMULATOR_POSTGRES_FAKE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "postgres/postgres.h"
#include "simulator.h"

struct pg_result {
	ExecStatusType status;
	int rows, columns;
	char **cells;         /* NULL: SQL null */
	const char *sqlstate; /* of an error */
	const char *tag;
	int64_t affected;
};

enum request_kind { REQUEST_STATEMENT, REQUEST_PREPARE, REQUEST_SYNC };
struct postgres_request { /* one block of memory */
	enum request_kind kind;
	int count;
	const char *name; /* of the statement; "": one that was not prepared */
	const char *texts[POSTGRES_PARAMS_MAX];
};

PGresult *result_new(int rows, int columns);
PGresult *result_error(const char *sqlstate);
void result_set(PGresult *result, int row, int column, const char *text);
void result_set_int(PGresult *result, int row, int column, int64_t number);
void result_set_bool(PGresult *result, int row, int column, bool flag);

/* What a transaction changes takes effect when it commits, or not at all. */
struct transaction;
void transaction_at_commit(struct transaction *transaction, void (*change)(void *what), void *what); /* malloc'ed */
/* Whether a change of any transaction that has not ended satisfies the condition: it holds locks until it does. */
typedef bool transaction_holds(void (*change)(void *what), const void *what, const void *arg);
bool transactions_hold(transaction_holds *holds, const void *arg);

struct statement {
	const char *name;
	bool writes;
	PGresult *(*run)(struct transaction *transaction, const char *const *texts);
	bool (*waits)(const char *const *texts); /* for a lock of another transaction; NULL: it never does */
};
extern const struct statement statements[]; /* ends with a NULL name */
void statements_reset(void);                /* empties the tables */

#endif

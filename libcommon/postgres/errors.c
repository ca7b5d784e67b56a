/* What an error of Postgres means: one table, by its SQLSTATE or the beginning of one (two characters are a class). The first
 * match counts; what is not in it is our own fault. https://www.postgresql.org/docs/15/errcodes-appendix.html */
#include <string.h>

#include "postgres/postgres_internal.h"

static const struct postgres_error errors[] = {
	{"08", STATUS_UNAVAILABLE, NULL}, /* connection exception */
	{"23505", STATUS_CONFLICT, NULL}, /* unique_violation */
	{"25006", STATUS_UNAVAILABLE, "Postgres takes no writes on this connection"},
	{"25P", STATUS_UNAVAILABLE, NULL}, /* a transaction that failed, or took too long */
	{"26000", STATUS_UNAVAILABLE, "a prepared statement is gone; see POSTGRES_PREPARE"},
	{"40", STATUS_UNAVAILABLE, NULL},    /* transaction rollback: serialization_failure, deadlock_detected, … */
	{"42501", STATUS_UNAVAILABLE, NULL}, /* insufficient_privilege: an operator took a right away, as NOPERM of Redis */
	{"53", STATUS_UNAVAILABLE, NULL},    /* insufficient resources: disk_full, out_of_memory, too_many_connections */
	{"55P03", STATUS_UNAVAILABLE, NULL}, /* lock_not_available */
	{"57014", STATUS_TIMEOUT, NULL},     /* query_canceled */
	{"57", STATUS_UNAVAILABLE, NULL},    /* operator intervention: shutting down, starting up, … */
	{"58", STATUS_UNAVAILABLE, NULL},    /* an error of the system below Postgres: io_error */
};

static const struct postgres_error our_fault = {"", STATUS_INTERNAL, NULL};

const struct postgres_error *postgres_error_of(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (strncmp(sqlstate, errors[i].sqlstate, strlen(errors[i].sqlstate)) == 0)
			return &errors[i];
	return &our_fault;
}

static bool is_listed(const struct postgres *postgres, const struct postgres_statement *statement)
{
	const struct postgres_statement *const *known = postgres->statements;

	while (*known && *known != statement)
		known++;
	return *known;
}

/* Postgres does not know a statement that was never listed either: then no other connection knows it. */
const struct postgres_error *postgres_error_of_call(const struct postgres *postgres, const struct postgres_call *call,
						    const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (!sqlstate)
		return NULL;
	return is_listed(postgres, call->statement) ? postgres_error_of(sqlstate) : &our_fault;
}

/* What the tests of the Postgres client share: a loop, a database client on it, a plain connection beside it, and answers that
 * can be waited for. Include after cmocka.h. */
#ifndef ABACUS_DB_FIXTURE_H
#define ABACUS_DB_FIXTURE_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "postgres/postgres.h"
#include "tests/wait_for.h"

struct answer {
	bool is_there;
	enum status status;
	int rows;
	int64_t number;
	unsigned place; /* among all answers, from 1 */
};

static struct event_base *base;
static struct postgres *postgres;
static struct scope scope;
static PGconn *beside;
static unsigned answers;

static inline void fixture_sql(const char *text)
{
	PGresult *result = PQexec(beside, text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(beside));
	PQclear(result);
}

/* TEST_DATABASE_URL with more parameters. The application name distinguishes our connections from those of daemons on the same
 * database. */
static inline const char *fixture_url(const char *more)
{
	static char url[1000];
	const char *given = getenv("TEST_DATABASE_URL");

	snprintf(url, sizeof url, "%s%capplication_name=io_db%s", given, strchr(given, '?') ? '&' : '?', more);
	return url;
}

static inline struct postgres_config fixture_config(const char *url)
{
	return (struct postgres_config){.url = (char *)(uintptr_t)url,
					.connections = 2,
					.in_flight_max = 10000,
					.query_timeout_ms = 10000,
					.connect_timeout_ms = 5000,
					.prepares = true};
}

static inline void fixture_open(const struct postgres_config *config, const struct postgres_statement *const *statements)
{
	postgres = postgres_new(base, config, statements);
}

static inline void fixture_answered(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct answer *answer = arg;

	assert_false(answer->is_there);
	assert_int_equal(rows != NULL, status == STATUS_OK);
	answer->is_there = true;
	answer->status = status;
	answer->place = ++answers;
	if (status == STATUS_OK && (answer->rows = postgres_count(rows)) > 0)
		answer->number = postgres_int(rows, 0, 0);
}

/* Every call of every test proves here that no callback runs before the call has returned. */
static inline void fixture_ask(struct answer *answer, const struct postgres_statement *statement, const char *param)
{
	struct postgres_params params = {0};

	*answer = (struct answer){0};
	if (param)
		postgres_param_text(&params, param);
	postgres_exec(postgres, &scope, statement, &params, fixture_answered, answer);
	assert_false(answer->is_there);
}

static inline enum status fixture_get(struct answer *answer, const struct postgres_statement *statement, const char *param)
{
	fixture_ask(answer, statement, param);
	WAIT_FOR(answer->is_there);
	return answer->status;
}

static inline int fixture_set_up(void **state)
{
	answers = 0;
	postgres = NULL;
	base = loop_new();
	scope_init(&scope);
	beside = PQconnectdb(getenv("TEST_DATABASE_URL"));
	assert_int_equal(PQstatus(beside), CONNECTION_OK);
	fixture_sql("SET client_min_messages = warning; DROP SCHEMA IF EXISTS io_db CASCADE; CREATE SCHEMA io_db;"
		    "CREATE TABLE io_db.people (id bigserial PRIMARY KEY, name text CONSTRAINT people_name UNIQUE);"
		    "CREATE TABLE io_db.late (name text CONSTRAINT late_name UNIQUE DEFERRABLE INITIALLY DEFERRED)");
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	postgres_free(postgres);
	scope_cancel(&scope);
	PQfinish(beside); /* and with it its locks */
	event_base_free(base);
	beside = PQconnectdb(getenv("TEST_DATABASE_URL"));
	fixture_sql("SET client_min_messages = warning; DROP SCHEMA io_db CASCADE");
	PQfinish(beside);
	return 0;
}

#define POSTGRES_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

static inline int fixture_run(const char *program, const struct CMUnitTest *tests, size_t count)
{
	if (!getenv("TEST_DATABASE_URL")) {
		fprintf(stderr, "%s: TEST_DATABASE_URL must name a Postgres to test on\n", program);
		return 1;
	}
	return _cmocka_run_group_tests(program, tests, count, NULL, NULL);
}

/* ---- statements ---- */

static const struct postgres_statement echo = {"echo", "SELECT $1::bigint"};
static const struct postgres_statement divide = {"divide", "SELECT 1 / $1::bigint"};
static const struct postgres_statement person_insert = {"person_insert",
							"INSERT INTO io_db.people (name) VALUES ($1) RETURNING id"};
static const struct postgres_statement late_insert = {"late_insert", "INSERT INTO io_db.late (name) VALUES ($1)"};
static const struct postgres_statement wait_for_lock = {"wait_for_lock", "SELECT pg_advisory_xact_lock(20260102)"};
static const struct postgres_statement backend = {"backend", "SELECT pg_backend_pid()"};
static const struct postgres_statement length = {"length", "SELECT length($1), $1"};

static inline void fixture_lock(void)
{
	fixture_sql("SELECT pg_advisory_lock(20260102)");
}

static inline void fixture_unlock(void)
{
	fixture_sql("SELECT pg_advisory_unlock(20260102)");
}

static const struct postgres_statement *const fixture_statements[] = {&echo,          &divide, &person_insert, &late_insert,
								      &wait_for_lock, &length, &backend,       NULL};

static inline void fixture_ready(const struct postgres_config *config)
{
	fixture_open(config, fixture_statements);
	WAIT_FOR(postgres_is_ready(postgres));
}

#endif

/* The connections of the fake Postgres. A request is run, or a sync ends the transaction: two steps, between which anything may
 * happen. What is committed stays, whatever happens. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "postgres_fake.h"

struct change {
	void (*apply)(void *what);
	void *what;
	STAILQ_ENTRY(change) link;
};

struct transaction {
	bool is_aborted;
	STAILQ_HEAD(, change) changes;
};

struct postgres_faults postgres_faults;

void transaction_at_commit(struct transaction *transaction, void (*apply)(void *what), void *what)
{
	struct change *change = mem_alloc(sizeof *change);

	*change = (struct change){.apply = apply, .what = what};
	STAILQ_INSERT_TAIL(&transaction->changes, change, link);
}

bool transactions_hold(transaction_holds *holds, const void *arg)
{
	const struct wire *wire;
	const struct change *change;

	TAILQ_FOREACH (wire, &wires, link)
		if (wire->kind == WIRE_POSTGRES && wire->session)
			STAILQ_FOREACH(change, &((struct transaction *)wire->session)->changes, link)
	if (holds(change->apply, change->what, arg))
		return true;
	return false;
}

static void end(struct transaction *transaction, bool commits)
{
	struct change *change;

	while ((change = STAILQ_FIRST(&transaction->changes))) {
		STAILQ_REMOVE_HEAD(&transaction->changes, link);
		if (commits)
			change->apply(change->what);
		free(change->what);
		free(change);
	}
	transaction->is_aborted = false;
}

static const struct statement *find(const char *name)
{
	for (const struct statement *statement = statements; statement->name; statement++)
		if (strcmp(statement->name, name) == 0)
			return statement;
	return NULL;
}

/* A statement without a name is the one that sets the session. */
static PGresult *run(struct transaction *transaction, const struct postgres_request *request)
{
	const struct statement *statement = find(request->name);
	const char *sqlstate = postgres_faults.sqlstate;

	trace_text("postgres runs", request->name, strlen(request->name));
	if (!*request->name)
		return result_new(0, 1);
	if (!statement)
		promise_broken("the simulator does not know a statement", request->name);
	if (!statement->writes || !sqlstate)
		return statement->run(transaction, request->texts);
	postgres_faults.sqlstate = NULL;
	return result_error(sqlstate);
}

static PGresult *answer(struct transaction *transaction, const struct postgres_request *request)
{
	PGresult *result;

	if (request->kind == REQUEST_SYNC) {
		end(transaction, !transaction->is_aborted);
		result = result_new(0, 0);
		result->status = PGRES_PIPELINE_SYNC;
		return result;
	}
	if (transaction->is_aborted) {
		result = result_new(0, 0);
		result->status = PGRES_PIPELINE_ABORTED;
		return result;
	}
	result = request->kind == REQUEST_PREPARE ? result_new(0, 0) : run(transaction, request);
	transaction->is_aborted = result->status == PGRES_FATAL_ERROR;
	return result;
}

void postgres_server_open(struct wire *wire)
{
	struct transaction *transaction = mem_alloc(sizeof *transaction);

	STAILQ_INIT(&transaction->changes);
	wire->session = transaction;
}

void postgres_server_closed(struct wire *wire)
{
	if (wire->session)
		end(wire->session, false);
	free(wire->session);
	wire->session = NULL;
}

static bool waits(const struct postgres_request *request)
{
	const struct statement *statement = request->kind == REQUEST_STATEMENT ? find(request->name) : NULL;

	return statement && statement->waits && statement->waits(request->texts);
}

bool postgres_server_can_serve(const struct wire *wire)
{
	return wire->session && !STAILQ_EMPTY(&wire->to_server) && !waits(STAILQ_FIRST(&wire->to_server)->content);
}

void postgres_server_serve(struct wire *wire)
{
	struct postgres_request *request = wire_receive(&wire->to_server, NULL);

	trace("postgres serves", wire->fd, request->kind);
	wire_send(&wire->to_client, answer(wire->session, request), 0);
	free(request);
}

void postgres_server_restart(void)
{
	struct wire *wire, *next;

	for (wire = TAILQ_FIRST(&wires); wire; wire = next) {
		next = TAILQ_NEXT(wire, link);
		if (wire->kind == WIRE_POSTGRES && wire->state == WIRE_OPEN && !wire->is_cut)
			wire_cut(wire);
	}
}

void postgres_server_reset(void)
{
	postgres_faults = (struct postgres_faults){0};
	statements_reset();
}

/* What the files of the Postgres client share.
 *   db.c             the pool of connections, calls, results
 *   db_connection.c  one connection: connecting, preparing, the pipeline, losing it
 *   db_params.c      parameters */
#ifndef ABACUS_DB_INTERNAL_H
#define ABACUS_DB_INTERNAL_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <sys/queue.h>

#include "postgres/postgres.h"
#include "base/loop.h"

struct db_call {
	struct op op;
	const struct db_statement
		*statement; /* NULL: a preparation of the connection's own, or the sync of a shared transaction */
	bool is_shared, is_sync;
	struct db_params *params; /* of one that shares a transaction, in case it must be asked again */
	db_done *done;
	void *arg;
	int64_t deadline_us;
	enum status failure; /* of one that was never sent, or was lost */
	STAILQ_ENTRY(db_call) link;
};
STAILQ_HEAD(db_calls, db_call);

enum db_state { DB_WAITING, DB_CONNECTING, DB_PREPARING, DB_READY };

struct db_connection {
	struct db *db;
	enum db_state state;
	PGconn *pg;
	struct event *read, *write, *retry;
	struct db_calls sent; /* in the order of asking, which is that of the answers */
	int in_flight;
	int64_t shared_deadline_us;
	bool is_sharing;  /* a shared transaction is open: its sync is still to be sent */
	PGresult *result; /* of the oldest in flight, kept until its sync */
	unsigned attempt;
	int64_t connect_deadline_us;
	bool is_lost; /* to be reaped from the loop */
	bool has_reported_loss;
	const char *lost_reason;
	enum status oldest_failure;
};

struct db {
	struct event_base *base;
	struct db_config config;
	const struct db_statement *const *statements;
	struct db_connection *connections;
	struct db_calls failed; /* their callers are told from the loop */
	struct db_calls spare;
	struct event *tell, *watch;
	struct loop_deferred *flush, *reap;
	int in_flight; /* calls, not the connections' own preparations */
};

struct db_rows {
	const PGresult *result;
};

/* db_connection.c */
void db_connection_init(struct db_connection *connection, struct db *db);
void db_connection_close(struct db_connection *connection);
/* STATUS_UNAVAILABLE: the call was not sent and still belongs to the caller. */
enum status db_connection_send(struct db_connection *connection, struct db_call *call, const struct db_params *params);
/* Ends the shared transaction, if one is open, and writes. At the end of a turn of the loop. */
void db_connection_flush(struct db_connection *connection);
void db_connection_watch(struct db_connection *connection, int64_t now_us);
/* Fails what was in flight on a lost connection and starts anew; from the loop alone. */
void db_connection_reap(struct db_connection *connection);

/* db_params.c: in one block, to be given to free(). */
struct db_params *db_params_copy(const struct db_params *params);

/* db.c */
/* Runs the callback with what came back; the call is still the caller's. */
void db_call_answer(struct db_call *call, const PGresult *result);
/* Takes the call; its callback runs in the loop's next turn. */
void db_call_fail(struct db *db, struct db_call *call, enum status status);
void db_call_recycle(struct db *db, struct db_call *call);

#endif

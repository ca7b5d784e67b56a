/* What the files of the Postgres client share.
 *   options.c     the options
 *   config.c      what is wrong with a URL, and the host that is looked up
 *   postgres.c    the pool of connections, calls, results
 *   queue.c       the calls that wait for a connection behind a pooler in transaction mode
 *   connection.c  one connection: connecting, preparing, the pipeline, losing the connection
 *   errors.c      what an error means, by its SQLSTATE
 *   session.c     the settings of a session
 *   params.c      parameters */
#ifndef ABACUS_POSTGRES_INTERNAL_H
#define ABACUS_POSTGRES_INTERNAL_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "net/resolver.h"
#include "postgres/postgres.h"

struct postgres_call {
	struct op op;
	const struct postgres_statement *statement; /* NULL: a preparation, or the sync of a shared transaction */
	bool is_shared, is_sync;
	bool is_repeated;               /* a shared read that is sent again, alone */
	struct postgres_params *params; /* of a shared read, which may have to be sent again, and of a call that waits */
	postgres_done *done;
	void *arg;
	int64_t started_us, deadline_us; /* of the answer; of a call that waits: of its being sent */
	enum status failure;             /* of a call that was not sent, or whose connection was lost */
	STAILQ_ENTRY(postgres_call) link;
	struct postgres *queued_by; /* NULL: it is not in the queue */
	TAILQ_ENTRY(postgres_call) queued;
};
STAILQ_HEAD(postgres_calls, postgres_call);
TAILQ_HEAD(postgres_queue, postgres_call);

enum postgres_state { POSTGRES_WAITING, POSTGRES_CONNECTING, POSTGRES_PREPARING, POSTGRES_READY };

struct postgres_connection {
	struct postgres *postgres;
	enum postgres_state state;
	PGconn *pg;
	struct event *read, *write;
	struct loop_timer *retry;
	struct postgres_calls sent; /* in the order of sending, which is the order of the answers */
	int in_flight;
	int64_t shared_deadline_us;
	bool is_sharing;  /* a shared transaction is open: its sync has not been sent */
	PGresult *result; /* of the oldest in flight, kept until its sync */
	unsigned attempt;
	int64_t connect_deadline_us;
	struct resolver_lookup *lookup; /* NULL when none is in flight */
	struct resolver_addresses addresses;
	size_t tried; /* of the addresses */
	int64_t ready_us;
	const char *retiring; /* why: it answers what it has, gets no further calls, and is then lost; NULL: it is not */
	bool is_lost;         /* to be reaped from the loop */
	bool has_reported_loss;
	const char *lost_reason;
	enum status oldest_failure;
};

struct postgres {
	struct event_base *base;
	struct postgres_config config;
	const struct postgres_statement *const *statements;
	char *host; /* the name to look up; NULL: libpq connects without a look-up, or makes its own */
	struct resolver *resolver;
	struct postgres_connection *connections;
	struct postgres_calls failed; /* their callbacks run from the loop */
	struct postgres_calls spare;
	struct postgres_queue queue; /* in the order of coming; empty if config.prepares */
	struct loop_timer *failures, *watch;
	struct loop_deferred *flush, *reap;
	int in_flight; /* calls, also those in the queue, without preparations */
	/* Since when calls fail on connections that are therefore replaced; replaced 0: they do not. */
	struct {
		unsigned replaced;
		int64_t last_us;
		bool needs_write; /* only a call that may write shows that it is over */
	} refusal;
};

struct postgres_rows {
	const PGresult *result;
};

/* config.c: the one name that libpq would look up; the caller frees. NULL: it is an address, a folder of sockets, or a list of
 * hosts, which libpq tries by its own rules (target_session_attrs). */
char *postgres_config_host(const struct postgres_config *config);

/* connection.c */
void postgres_connection_init(struct postgres_connection *connection, struct postgres *postgres);
void postgres_connection_close(struct postgres_connection *connection);
/* STATUS_UNAVAILABLE: the call was not sent and still belongs to the caller. */
enum status postgres_connection_send(struct postgres_connection *connection, struct postgres_call *call,
				     const struct postgres_params *params);
/* The same with the parameters that the call has a copy of. */
enum status postgres_connection_send_kept(struct postgres_connection *connection, struct postgres_call *call);
/* Syncs the shared transaction, if one is open, and writes. Runs at the end of a turn of the loop. */
void postgres_connection_flush(struct postgres_connection *connection);
void postgres_connection_watch(struct postgres_connection *connection, int64_t now_us);
/* Fails what was in flight on a lost connection and connects again. Only from the loop. */
void postgres_connection_reap(struct postgres_connection *connection);

/* Connects anew when what is in flight is answered, if it is usable. */
void postgres_connection_replace(struct postgres_connection *connection);

/* It is ready, and not to be replaced. */
bool postgres_connection_is_usable(const struct postgres_connection *connection);

/* errors.c */
struct postgres_error {
	const char *sqlstate; /* or the beginning of it */
	enum status status;
	const char *replaces_connection; /* why a new connection may do better; NULL: it would not */
};
/* Never NULL. */
const struct postgres_error *postgres_error_of(const char *sqlstate);
/* Of a call's result; NULL when it is no error, or one without SQLSTATE. */
const struct postgres_error *postgres_error_of_call(const struct postgres *postgres, const struct postgres_call *call,
						    const PGresult *result);

/* queue.c */
/* Takes the call, whose parameters are copied. It is sent at the end of this turn of the loop or later; if that is not possible
 * within query_timeout_ms, it ends with STATUS_UNAVAILABLE. */
void postgres_queue_add(struct postgres *postgres, struct postgres_call *call, const struct postgres_params *params);
/* A read that is sent again, with the parameters that it keeps. */
void postgres_queue_add_repeated(struct postgres *postgres, struct postgres_call *call);
/* Of an op whose scope was cancelled: drops a call that waits, and leaves one that was sent. */
void postgres_queue_cancelled(struct op *op);
/* Sends what connections can take, or fails all if no connection is usable. Runs at the end of a turn of the loop. */
void postgres_queue_send(struct postgres *postgres);
/* After a connection may have become free, ready or lost. */
void postgres_queue_wake(struct postgres *postgres);
/* Fails what has waited for its whole time. */
void postgres_queue_expire(struct postgres *postgres, int64_t now_us);
void postgres_queue_free(struct postgres *postgres);

/* params.c: a copy in one block; the caller frees. */
struct postgres_params *postgres_params_copy(const struct postgres_params *params);

/* postgres.c */
/* How long a call waits for its answer once it was sent: Postgres itself ends the statement at query_timeout_ms. */
static inline long postgres_answer_ms(const struct postgres_config *config)
{
	return config->query_timeout_ms + 1000;
}
/* Of the connections that can take the call now; NULL: none can. */
struct postgres_connection *postgres_least_busy(struct postgres *postgres, const struct postgres_call *call);
/* Runs the callback with the result; the caller still owns the call. */
void postgres_call_answer(const struct postgres *postgres, struct postgres_call *call, const PGresult *result);
/* Takes the call; its callback runs in the loop's next turn. */
void postgres_call_fail(struct postgres *postgres, struct postgres_call *call, enum status status);
/* May it be in one transaction with others? */
static inline bool postgres_call_shares(const struct postgres_call *call)
{
	return call->statement->only_reads && !call->is_repeated;
}
void postgres_call_recycle(struct postgres *postgres, struct postgres_call *call);

#endif

/* One connection in pipeline mode: waiting -> connecting (looked up, connected) -> preparing -> ready -> (lost) -> waiting …
 * As with Redis, an address that fails before it is ready is followed by the name's next one; after the last comes the
 * back-off, and a new look-up. The connect time limit holds for the look-up and the first address, then for each further
 * address.
 *
 * A call that writes is sent with a sync of its own, which makes it a transaction of its own: its failure affects no other
 * call. The calls that only read share a sync, which has its own place among the calls:
 *
 *     sent:      read  read  read  (sync)  write      preparation …
 *     answered:  result NULL each, sync,   result NULL sync, …
 *
 * With POSTGRES_PREPARE=false there is one such transaction at a time, and the preparations are one (queue.c).
 *
 * Only the order says which call an answer belongs to. A lost connection is only noted while libpq is on the stack, and freed
 * from the loop. */
#include "postgres/postgres_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "postgres/session.h"

static void drop_lookup(struct postgres_connection *connection)
{
	if (connection->lookup)
		resolver_lookup_drop(connection->lookup);
	connection->lookup = NULL;
}

static void lose(struct postgres_connection *connection, const char *reason, enum status oldest)
{
	if (connection->is_lost)
		return;
	drop_lookup(connection);
	connection->is_lost = true;
	connection->lost_reason = reason;
	connection->oldest_failure = oldest;
	/* At once, because libpq may have closed its socket: the next one that this process opens gets the same number, and
	 * libevent would take it for watched already, so that nothing that arrives on it would ever be seen. */
	if (connection->read)
		event_del(connection->read);
	if (connection->write)
		event_del(connection->write);
	loop_deferred_schedule(connection->postgres->reap);
}

static struct event *new_event(struct postgres_connection *connection, evutil_socket_t fd, short what,
			       void (*run)(evutil_socket_t, short, void *))
{
	return event_new(connection->postgres->base, fd, what, run, connection);
}

static void free_events(struct postgres_connection *connection)
{
	if (connection->read)
		event_free(connection->read);
	if (connection->write)
		event_free(connection->write);
	connection->read = connection->write = NULL;
}

static void finish(struct postgres_connection *connection)
{
	PQclear(connection->result);
	connection->result = NULL;
	PQfinish(connection->pg);
	connection->pg = NULL;
}

static void ignore_notice(void *arg, const PGresult *result)
{
}

/* ---- answers ---- */

static bool has_address_left(const struct postgres_connection *connection)
{
	return connection->tried < connection->addresses.count;
}

static void forget_addresses(struct postgres_connection *connection)
{
	connection->addresses.count = connection->tried = 0;
}

static void become_ready(struct postgres_connection *connection)
{
	connection->state = POSTGRES_READY;
	forget_addresses(connection);
	connection->ready_us = clock_monotonic_us();
	connection->attempt = 0;
	if (connection->has_reported_loss)
		log_line(LOG_INFO, "postgres is reachable again");
	connection->has_reported_loss = false;
}

/* duplicate_prepared_statement: a pooler in transaction mode lends us a connection that another client has used. */
static bool is_prepared_already(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return sqlstate && strcmp(sqlstate, "42P05") == 0;
}

static void take_preparation(struct postgres_connection *connection, const PGresult *result)
{
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
		log_line(LOG_ERROR, "preparing failed",
			 LOG_TEXT("reason", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
		lose(connection,
		     is_prepared_already(result) ? "another client's statements are here; see POSTGRES_PREPARE"
						 : "a statement can not be prepared; is the schema up to date?",
		     STATUS_UNAVAILABLE);
	}
}

/* While more is in flight libpq does not say whether a transaction is open, so the command tag identifies the statement that
 * opens one. */
static bool opens_transaction(const struct postgres_connection *connection, PGresult *result)
{
	const char *tag = PQcmdStatus(result);
	PGTransactionStatusType state = PQtransactionStatus(connection->pg);

	return state == PQTRANS_INTRANS || state == PQTRANS_INERROR || strcmp(tag, "BEGIN") == 0 ||
	       strcmp(tag, "START TRANSACTION") == 0;
}

/* After a migration a prepared statement may be out of date ("cached plan must not change result type"). That error has no
 * SQLSTATE of its own, so the name of the server's function identifies it, as in pgjdbc. */
static bool is_stale(const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return function && strcmp(function, "RevalidateCachedQuery") == 0;
}

/* ---- replacing a connection ---- */

#define REPLACE_AGE_US 1000000

bool postgres_connection_is_usable(const struct postgres_connection *connection)
{
	return connection->state == POSTGRES_READY && !connection->is_lost && !connection->retiring;
}

/* After an error that a new connection may not meet. What is in flight is answered first. At most once a second and never the
 * last that is usable, because while Postgres takes no writes the calls that only read need a connection. */
static void retire_after(struct postgres_connection *connection, const struct postgres_call *call,
			 const struct postgres_error *error)
{
	struct postgres *postgres = connection->postgres;

	if (connection->retiring || clock_monotonic_us() < connection->ready_us + REPLACE_AGE_US)
		return;
	connection->retiring = error->replaces_connection;
	if (postgres->config.connections > 1 && !postgres_is_ready(postgres))
		connection->retiring = NULL;
	postgres->refusal.needs_write |= connection->retiring && !call->statement->only_reads;
}

/* Twice the time that a connection is kept at least, so that the next error is seen first. */
#define REFUSAL_QUIET_US (2 * REPLACE_AGE_US)

/* The refusal is over when a call succeeds, and no connection was replaced lately. */
static void note_success(struct postgres *postgres, const struct postgres_call *call)
{
	if (postgres->refusal.replaced == 0 || (postgres->refusal.needs_write && call->statement->only_reads) ||
	    clock_monotonic_us() < postgres->refusal.last_us + REFUSAL_QUIET_US)
		return;
	log_line(LOG_INFO, "postgres does its work again", LOG_INT("connections_replaced", postgres->refusal.replaced));
	memset(&postgres->refusal, 0, sizeof postgres->refusal);
}

static void lose_retired(struct postgres_connection *connection)
{
	if (connection->retiring && STAILQ_EMPTY(&connection->sent))
		lose(connection, connection->retiring, STATUS_UNAVAILABLE);
}

static const char asked_for[] = "the caller asked for another connection";

void postgres_connection_replace(struct postgres_connection *connection)
{
	if (postgres_connection_is_usable(connection))
		connection->retiring = asked_for;
	lose_retired(connection);
}

static struct postgres_call *take_oldest(struct postgres_connection *connection)
{
	struct postgres_call *call = STAILQ_FIRST(&connection->sent);

	STAILQ_REMOVE_HEAD(&connection->sent, link);
	connection->in_flight--;
	connection->postgres->in_flight -= call->statement != NULL;
	return call;
}

/* A read before it in the shared transaction has failed. */
static void send_again(struct postgres_connection *connection)
{
	struct postgres *postgres = connection->postgres;
	struct postgres_call *call = take_oldest(connection);

	PQclear(connection->result);
	connection->result = NULL;
	call->is_shared = false;
	call->is_repeated = true;
	if (!postgres->config.prepares)
		postgres_queue_add_repeated(postgres, call);
	else if (postgres_connection_send_kept(connection, call) != STATUS_OK)
		postgres_call_fail(postgres, call, STATUS_UNAVAILABLE);
}

static void end_shared_transaction(struct postgres_connection *connection)
{
	postgres_call_recycle(connection->postgres, take_oldest(connection));
}

/* What a call's result says about its connection. */
static void judge(struct postgres_connection *connection, const struct postgres_call *call, const PGresult *result)
{
	const struct postgres_error *error = postgres_error_of_call(connection->postgres, call, result);

	if (error)
		retire_after(connection, call, error);
	else
		note_success(connection->postgres, call);
}

/* The oldest call has been committed, has failed, or only read: it ends here. */
static void end_oldest(struct postgres_connection *connection)
{
	PGresult *result = connection->result;
	struct postgres_call *call;

	if (!result) {
		lose(connection, "an answer is missing", STATUS_INTERNAL);
		return;
	}
	if (opens_transaction(connection, result)) {
		lose(connection, "a statement left a transaction open", STATUS_INTERNAL);
		return;
	}
	if (is_stale(result)) {
		lose(connection, "a prepared statement is out of date", STATUS_UNAVAILABLE);
		return;
	}
	call = take_oldest(connection);
	connection->result = NULL;
	if (call->statement) {
		/* first, because the callback may make the next call */
		judge(connection, call, result);
		postgres_call_answer(connection->postgres, call, result);
	} else {
		take_preparation(connection, result);
	}
	PQclear(result);
	postgres_call_recycle(connection->postgres, call);
}

/* libpq would return such a result again and again. */
static bool is_copy(ExecStatusType status)
{
	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* A result is kept until its sync, because it precedes the commit, which can still fail (a deferred constraint, a crash of the
 * server). */
static void take(struct postgres_connection *connection, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (is_copy(status)) {
		PQclear(result);
		lose(connection, "a statement began a copy", STATUS_INTERNAL);
		return;
	}
	if (status != PGRES_PIPELINE_SYNC && (!connection->result || status == PGRES_FATAL_ERROR)) {
		PQclear(connection->result);
		connection->result = result;
		return;
	}
	PQclear(result);
	if (status != PGRES_PIPELINE_SYNC)
		return;
	if (STAILQ_FIRST(&connection->sent)->is_sync)
		end_shared_transaction(connection);
	else
		end_oldest(connection);
	if (connection->state == POSTGRES_PREPARING && STAILQ_EMPTY(&connection->sent) && !connection->is_lost)
		become_ready(connection);
}

/* A NULL ends the results of one call; it does not mean that nothing is left, because the sync follows. A call that only reads
 * need not wait for the sync. */
static void take_end_of_results(struct postgres_connection *connection)
{
	if (!STAILQ_FIRST(&connection->sent)->is_shared || !connection->result)
		return;
	if (PQresultStatus(connection->result) == PGRES_PIPELINE_ABORTED)
		send_again(connection);
	else
		end_oldest(connection);
}

/* After it has lost touch with the protocol, libpq is neither busy nor does it return a result, although some are awaited. */
static void take_all(struct postgres_connection *connection)
{
	bool is_end = false, was_end;

	while (!STAILQ_EMPTY(&connection->sent) && !connection->is_lost && !PQisBusy(connection->pg)) {
		PGresult *result = PQgetResult(connection->pg);

		if (PQstatus(connection->pg) == CONNECTION_BAD)
			free_events(connection);
		was_end = is_end;
		is_end = !result;
		if (result)
			take(connection, result);
		else if (was_end || PQstatus(connection->pg) == CONNECTION_BAD)
			lose(connection, "the answers are out of order", STATUS_UNAVAILABLE);
		else
			take_end_of_results(connection);
	}
	if (PQstatus(connection->pg) == CONNECTION_BAD)
		lose(connection, "the connection was closed", STATUS_UNAVAILABLE);
	lose_retired(connection);
	postgres_queue_wake(connection->postgres);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct postgres_connection *connection = arg;

	if (connection->is_lost)
		return;
	if (!PQconsumeInput(connection->pg) || PQstatus(connection->pg) == CONNECTION_BAD) {
		lose(connection, "the connection was closed", STATUS_UNAVAILABLE);
		return;
	}
	take_all(connection);
	postgres_connection_flush(connection);
}

/* A PQflush() that cannot write everything reads what has arrived, and the socket then does not become readable for it again.
 */
static void writable(evutil_socket_t fd, short what, void *arg)
{
	postgres_connection_flush(arg);
	take_all(arg);
}

/* ---- sending ---- */

static void append(struct postgres_connection *connection, struct postgres_call *call)
{
	STAILQ_INSERT_TAIL(&connection->sent, call, link);
	connection->in_flight++;
	connection->postgres->in_flight += call->statement != NULL;
}

/* libpq 17 can leave the writing to the one flush at the end of the turn; in earlier versions each sync is a send(2). */
static int sync_pipeline(PGconn *pg)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
	return PQsendPipelineSync(pg);
#else
	return PQpipelineSync(pg);
#endif
}

static struct postgres_call *own_call(struct postgres_connection *connection, int64_t deadline_us)
{
	struct postgres_call *call = mem_alloc(sizeof *call);

	call->deadline_us = deadline_us;
	append(connection, call);
	return call;
}

static void sync_shared(struct postgres_connection *connection)
{
	if (!connection->is_sharing)
		return;
	connection->is_sharing = false;
	if (sync_pipeline(connection->pg))
		own_call(connection, connection->shared_deadline_us)->is_sync = true;
	else
		lose(connection, "sending failed", STATUS_UNAVAILABLE);
}

void postgres_connection_flush(struct postgres_connection *connection)
{
	int left;

	if (connection->state < POSTGRES_PREPARING || connection->is_lost)
		return;
	sync_shared(connection);
	left = PQflush(connection->pg);
	if (left < 0)
		lose(connection, "writing failed", STATUS_UNAVAILABLE);
	else if (left == 1)
		event_add(connection->write, NULL);
}

static enum status send_statement(struct postgres_connection *connection, struct postgres_call *call,
				  const struct postgres_params *params)
{
	const struct postgres_statement *statement = call->statement;

	if (connection->postgres->config.prepares
		    ? PQsendQueryPrepared(connection->pg, statement->name, params->count, params->texts, NULL, NULL, 0)
		    : PQsendQueryParams(connection->pg, statement->sql, params->count, NULL, params->texts, NULL, NULL, 0))
		return STATUS_OK;
	lose(connection, "sending failed", STATUS_UNAVAILABLE);
	return STATUS_UNAVAILABLE;
}

static enum status send_alone(struct postgres_connection *connection, struct postgres_call *call,
			      const struct postgres_params *params)
{
	sync_shared(connection);
	if (connection->is_lost || send_statement(connection, call, params) != STATUS_OK)
		return STATUS_UNAVAILABLE;
	if (!sync_pipeline(connection->pg)) {
		lose(connection, "sending failed", STATUS_UNAVAILABLE);
		return STATUS_UNAVAILABLE;
	}
	append(connection, call);
	return STATUS_OK;
}

static enum status send_shared(struct postgres_connection *connection, struct postgres_call *call,
			       const struct postgres_params *params)
{
	if (send_statement(connection, call, params) != STATUS_OK)
		return STATUS_UNAVAILABLE;
	call->is_shared = true;
	call->params = postgres_params_copy(params);
	connection->is_sharing = true;
	connection->shared_deadline_us = call->deadline_us;
	append(connection, call);
	return STATUS_OK;
}

enum status postgres_connection_send(struct postgres_connection *connection, struct postgres_call *call,
				     const struct postgres_params *params)
{
	static const struct postgres_params none;

	return (postgres_call_shares(call) ? send_shared : send_alone)(connection, call, params ? params : &none);
}

enum status postgres_connection_send_kept(struct postgres_connection *connection, struct postgres_call *call)
{
	struct postgres_params *params = call->params;
	enum status status;

	call->params = NULL;
	status = postgres_connection_send(connection, call, params);
	free(params);
	return status;
}

/* ---- connecting ---- */

/* After a preparing query was sent: its sync, and its place among the calls. Without prepared statements all of them share one
 * sync, because the connection may have one transaction in flight. */
static bool end_preparation(struct postgres_connection *connection, int is_sent)
{
	bool shares = !connection->postgres->config.prepares;

	if (!is_sent || (!shares && !sync_pipeline(connection->pg)))
		return false;
	own_call(connection, connection->connect_deadline_us)->is_shared = shares;
	connection->is_sharing = shares;
	connection->shared_deadline_us = connection->connect_deadline_us;
	return true;
}

/* Without prepared statements each one is prepared all the same, without a name: a schema that is not up to date is noticed
 * here. The settings are a statement and not the connection's `options`, because the options of a URL or PGOPTIONS would
 * replace them. */
static bool send_preparations(struct postgres_connection *connection)
{
	const struct postgres_statement *const *statement = connection->postgres->statements;
	struct postgres_params params = {0};
	bool prepares = connection->postgres->config.prepares;

	postgres_param_int(&params, connection->postgres->config.query_timeout_ms);
	if (!end_preparation(connection, PQsendQueryParams(connection->pg, postgres_session_sql, params.count, NULL,
							   params.texts, NULL, NULL, 0)))
		return false;
	for (; *statement; statement++)
		if (!end_preparation(connection, PQsendPrepare(connection->pg, prepares ? (*statement)->name : "",
							       (*statement)->sql, 0, NULL)))
			return false;
	return true;
}

static void prepare_all(struct postgres_connection *connection)
{
	connection->state = POSTGRES_PREPARING;
	connection->read = new_event(connection, PQsocket(connection->pg), EV_READ | EV_PERSIST, readable);
	connection->write = new_event(connection, PQsocket(connection->pg), EV_WRITE, writable);
	event_add(connection->read, NULL);
	if (PQsetnonblocking(connection->pg, 1) != 0 || !PQenterPipelineMode(connection->pg))
		lose(connection, "pipeline mode was refused", STATUS_UNAVAILABLE);
	else if (!send_preparations(connection))
		lose(connection, "preparing failed", STATUS_UNAVAILABLE);
	postgres_connection_flush(connection);
}

static void poll_connecting(evutil_socket_t fd, short what, void *arg)
{
	struct postgres_connection *connection = arg;
	PostgresPollingStatusType next = PQconnectPoll(connection->pg);

	free_events(connection); /* the socket may have changed */
	if (next == PGRES_POLLING_OK) {
		prepare_all(connection);
	} else if (next == PGRES_POLLING_FAILED) {
		lose(connection, "connecting failed", STATUS_UNAVAILABLE);
	} else {
		connection->read = new_event(connection, PQsocket(connection->pg),
					     next == PGRES_POLLING_READING ? EV_READ : EV_WRITE, poll_connecting);
		event_add(connection->read, NULL);
	}
}

/* From the URL, or from PGHOST and the like, which libpq reads itself. It gets an address beside the name, so that it looks up
 * none, and verifies the server's certificate against the name all the same. */
static PGconn *start(const struct postgres_config *config, const union resolver_address *address)
{
	const char *keys[4] = {"application_name"}, *values[4] = {"abacus"};
	char text[INET6_ADDRSTRLEN];
	int count = 1;

	if (postgres_config_problem(config))
		return NULL;
	if (config->url) {
		keys[count] = "dbname";
		values[count++] = config->url;
	}
	if (address) {
		keys[count] = "hostaddr";
		values[count++] = resolver_address_format(address, text);
	}
	return PQconnectStartParams(keys, values, 1);
}

/* NULL: libpq finds it by itself. */
static void connect_to(struct postgres_connection *connection, const union resolver_address *address)
{
	const struct postgres_config *config = &connection->postgres->config;

	connection->pg = start(config, address);
	if (!connection->pg || PQstatus(connection->pg) == CONNECTION_BAD) {
		lose(connection, connection->pg ? "connecting failed" : postgres_config_problem(config), STATUS_UNAVAILABLE);
		return;
	}
	PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
	connection->read = new_event(connection, PQsocket(connection->pg), EV_WRITE, poll_connecting);
	event_add(connection->read, NULL);
}

static void connect_to_next(struct postgres_connection *connection)
{
	connect_to(connection, &connection->addresses.list[connection->tried++]);
}

static void looked_up(enum status status, const struct resolver_addresses *addresses, const char *reason, void *arg)
{
	struct postgres_connection *connection = arg;

	connection->lookup = NULL;
	if (status != STATUS_OK) {
		lose(connection, reason, STATUS_UNAVAILABLE);
		return;
	}
	connection->addresses = *addresses;
	connect_to_next(connection);
}

static void begin(void *arg)
{
	struct postgres_connection *connection = arg;
	const struct postgres *postgres = connection->postgres;

	connection->state = POSTGRES_CONNECTING;
	connection->connect_deadline_us = clock_monotonic_us() + postgres->config.connect_timeout_ms * 1000;
	if (has_address_left(connection)) {
		connect_to_next(connection);
		return;
	}
	forget_addresses(connection);
	if (postgres->host)
		connection->lookup = resolver_look_up(postgres->resolver, postgres->host, looked_up, connection);
	else
		connect_to(connection, NULL);
}

void postgres_connection_init(struct postgres_connection *connection, struct postgres *postgres)
{
	connection->postgres = postgres;
	STAILQ_INIT(&connection->sent);
	connection->retry = loop_timer_new(postgres->base, begin, connection);
	loop_timer_start(connection->retry, 0);
}

void postgres_connection_close(struct postgres_connection *connection)
{
	drop_lookup(connection);
	free_events(connection);
	loop_timer_free(connection->retry);
	finish(connection);
}

/* ---- losing the connection ---- */

/* libpq's error messages contain the host and the user, but no password, because postgres_config_problem() refuses what is not
 * a URL. */
static void report_loss(struct postgres_connection *connection, const char *variable)
{
	const char *message = connection->pg ? PQerrorMessage(connection->pg) : "";
	char line[300];

	if (connection->has_reported_loss || has_address_left(connection))
		return;
	snprintf(line, sizeof line, "%.*s", (int)strcspn(message, "\n"), message);
	log_line(LOG_WARN, "postgres is not reachable", LOG_TEXT("see", variable), LOG_TEXT("reason", connection->lost_reason),
		 LOG_TEXT("postgres", line), LOG_INT("in_flight", connection->in_flight));
	connection->has_reported_loss = true;
}

/* One line, however many connections are replaced until note_success(). */
static void report_replacement(struct postgres_connection *connection, const char *variable)
{
	struct postgres *postgres = connection->postgres;

	if (postgres->refusal.replaced++ == 0)
		log_line(LOG_WARN, "postgres does not do its work", LOG_TEXT("see", variable),
			 LOG_TEXT("reason", connection->lost_reason));
	postgres->refusal.last_us = clock_monotonic_us();
}

static void report(struct postgres_connection *connection)
{
	const char *variable = connection->postgres->config.variable;
	bool is_replaced = connection->retiring && connection->lost_reason == connection->retiring;

	if (connection->lost_reason == asked_for)
		return;
	(is_replaced ? report_replacement : report_loss)(connection, variable ? variable : "DATABASE_URL");
}

void postgres_connection_reap(struct postgres_connection *connection)
{
	enum status status = connection->oldest_failure;
	struct postgres_call *call;

	if (!connection->is_lost)
		return;
	report(connection);
	free_events(connection);
	finish(connection);
	while (!STAILQ_EMPTY(&connection->sent)) {
		call = take_oldest(connection);
		if (call->statement)
			postgres_call_fail(connection->postgres, call, status);
		else
			postgres_call_recycle(connection->postgres, call);
		status = STATUS_UNAVAILABLE;
	}
	connection->is_lost = connection->is_sharing = false;
	connection->retiring = NULL;
	connection->state = POSTGRES_WAITING;
	loop_timer_start(connection->retry, has_address_left(connection) ? 0 : loop_backoff_ms(connection->attempt++));
}

void postgres_connection_watch(struct postgres_connection *connection, int64_t now_us)
{
	struct postgres_call *oldest = STAILQ_FIRST(&connection->sent);

	if (connection->is_lost || connection->state == POSTGRES_WAITING)
		return;
	if (connection->state < POSTGRES_READY && now_us > connection->connect_deadline_us)
		lose(connection, connection->lookup ? "looking up the name took too long" : "connecting took too long",
		     STATUS_UNAVAILABLE);
	else if (oldest && now_us > oldest->deadline_us)
		lose(connection, "no answer in time", STATUS_TIMEOUT);
}

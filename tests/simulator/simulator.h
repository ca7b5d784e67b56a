/* The simulator: scope, jobs, worker, refill, writer, revocations and sessions, and the clients of Redis and Postgres below
 * them, run as they are in one process, against a fake clock, a fake network, a fake Redis and a fake Postgres. A seed decides
 * what happens next: which message arrives, which timer fires, which connection breaks, which process dies. The same seed gives
 * the same run.
 *
 * What is replaced, at link time:
 *   events.c               libevent's events, on the fake clock
 *   redis_client.c         libcommon/redis/link.c, on the fake network
 *   postgres_client.c      libpq, on the fake network
 *   surroundings.c         clock, log, metrics, thread pool, resolver, the mathematics
 *   http_fake.c            libcommon/http, of which no byte is on the network
 * Everything above these is the code of the daemons.
 *
 *   chance.c               random numbers, and the trace
 *   wire.c                 the network: a wire is one connection, with what is under way in either direction
 *   redis_*.c              the server: data, commands, scripts, connections
 *   postgres_server.c      the server: connections and transactions; postgres_statements*.c: what each statement does
 *   processes*.c           the simulated processes
 *   customers.c            what users do: submit, read, take back, disconnect; customers_tokens.c: log in and out, use tokens;
 *                          customers_sessions.c: the same with sessions, which they refresh
 *   faults.c               what goes wrong
 *   promises.c             what must hold, whatever goes wrong
 *   scheduler.c            chooses the next step
 *   main.c                 runs seeds, and reports */
#ifndef ABACUS_SIMULATOR_H
#define ABACUS_SIMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "jobs/jobs.h"

/* ---- chance.c ---- */
void chance_seed(uint64_t seed);
unsigned chance_below(unsigned n);          /* 0 … n - 1 */
bool chance_of(unsigned n, unsigned of);    /* n times out of `of` */
long chance_between(long least, long most); /* both included */

extern bool trace_is_shown;
uint64_t trace_hash(void); /* of everything that was traced since chance_seed() */
/* `what` is a literal. */
void trace(const char *what, int64_t a, int64_t b);
void trace_text(const char *what, const char *text, size_t len);

/* ---- events.c: struct event_base is a simulated process's loop ---- */
struct process;
struct event_base;
struct event_base *events_base_new(struct process *process);
void events_base_free(struct event_base *base); /* what is left in it does not run any more */
struct process *events_process(const struct event_base *base);
bool events_is_active(const struct event_base *base);
void events_run_active(struct event_base *base);      /* the next active event */
bool events_can_poll(const struct event_base *base);  /* something is ready or due */
bool events_must_poll(const struct event_base *base); /* something is active, and a poll comes before it */
void events_poll(struct event_base *base);
/* When the next timer is due; INT64_MAX: there is none. */
int64_t events_next_due_us(const struct event_base *base);
/* Timers and file descriptors that are still waited for: a process that has ended must leave none. */
int events_left(const struct event_base *base);

/* ---- wire.c ---- */
enum wire_kind { WIRE_REDIS, WIRE_POSTGRES };
enum wire_state { WIRE_CONNECTING, WIRE_OPEN, WIRE_REFUSED };
struct message {
	void *content; /* of the sender's making; the receiver owns it */
	size_t len;
	STAILQ_ENTRY(message) link;
};
STAILQ_HEAD(messages, message);
struct wire {
	int fd; /* its number, which no other wire had before */
	enum wire_kind kind;
	enum wire_state state;
	struct event_base *base; /* the client's; NULL: the client has closed it, and what it has sent may still arrive */
	bool is_cut;             /* the server has closed it: the client reads what was sent, and then the end */
	bool is_silent;          /* nothing arrives any more, and neither end notices */
	int64_t closed_us;       /* by the client */
	struct messages to_server, to_client;
	void (*drop)(void *content); /* of a message to the client */
	void *session;               /* the server's; freed by the server */
	void *client;                /* the client library's */
	TAILQ_ENTRY(wire) link;
};
TAILQ_HEAD(wires, wire);
extern struct wires wires;
struct wire *wire_new(enum wire_kind kind, struct event_base *base, void (*drop)(void *content));
void wire_send(struct messages *messages, void *content, size_t len);
void *wire_receive(struct messages *messages, size_t *ret_len); /* NULL: nothing there */
/* The client closes it. Of what it sent, a part that chance decides still reaches the server, at some time. */
void wire_close(struct wire *wire);
void wire_cut(struct wire *wire); /* the server closes it: what it has not taken yet is lost */
void wire_free(struct wire *wire);
short wire_ready(int fd); /* EV_READ and EV_WRITE, for its client */

/* ---- the clock, in surroundings.c ---- */
extern int64_t now_us;       /* monotonic */
int64_t redis_unix_ms(void); /* the wall clock of Redis's machine */
void surroundings_reset(void);
extern bool work_is_quick; /* of the thread pools; else it may take longer than a lease */
/* Something of the pools or the resolvers that is ready to happen. */
int surroundings_ready(struct event_base *base);
void surroundings_run(struct event_base *base, int nth);
int64_t surroundings_next_due_us(void);
void surroundings_forget(struct event_base *base);

/* ---- the server of Redis: redis_server.c ---- */
struct redis_faults {
	bool is_down;
	bool is_full;        /* OOM to what needs memory */
	const char *refuses; /* this error to every command; NULL: none */
	const char *refuses_writes;
};
extern struct redis_faults redis_faults;
void redis_server_reset(void);
void redis_server_open(struct wire *wire);
bool redis_server_can_serve(const struct wire *wire);
void redis_server_serve(struct wire *wire);
int64_t redis_server_next_due_us(void); /* when a blocked command's time is over */
void redis_server_time_over(void);      /* answers the first of these */
void redis_server_closed(struct wire *wire);
void redis_server_restart(void); /* cuts all, and forgets the scripts */
void redis_server_flush(void);   /* FLUSHALL */
void redis_server_forget_scripts(void);
void redis_server_delete(const char *key);
void redis_server_remember(void);  /* takes a snapshot, replacing the last one */
void redis_server_roll_back(void); /* to the snapshot, as after a lost second or a failover */
/* For promises.c. */
const char *redis_server_hash_get(const char *key, const char *field, size_t *ret_len); /* NULL: not there */
int64_t redis_server_length(const char *key); /* of a hash or a stream; 0: not there */
int64_t redis_server_pending(const char *key, const char *group);
void redis_server_wear_out(const char *key, const char *group); /* as if each worker had died of some of its jobs */
void redis_server_each(const char *key, void (*each)(const char *field, const char *value, size_t len));

/* ---- the server of Postgres: postgres_server.c ---- */
struct postgres_faults {
	bool is_down;
	const char *sqlstate; /* the error of the next statement that writes; NULL: none */
};
extern struct postgres_faults postgres_faults;
void postgres_server_reset(void);
void postgres_server_open(struct wire *wire);
bool postgres_server_can_serve(const struct wire *wire);
void postgres_server_serve(struct wire *wire);
void postgres_server_closed(struct wire *wire);
void postgres_server_restart(void); /* cuts all; what is committed stays */
/* Rows for promises.c; they live until the reset. */
struct stored_value {
	int64_t id, user_id; /* 0: anonymous */
	enum kind kind;
	int64_t index;
};
const struct stored_value *postgres_server_value(int64_t id); /* NULL: no such row is committed */
/* Was this token, or all of this user up to its time, ended? */
bool postgres_server_is_revoked(const uint8_t jti[16], int64_t user_id);
int64_t postgres_server_dead_until_ms(int64_t user_id);
int64_t postgres_server_ends(int64_t user_id);           /* how often all tokens of the user were ended */
int64_t postgres_server_session_counter(const char *id); /* -1: there is no such session */
bool postgres_server_was_submitted(enum kind kind, int64_t index);
int postgres_server_submissions(enum kind kind, int64_t index);      /* so many are committed, and not taken back */
enum job_state postgres_server_state(enum kind kind, int64_t index); /* absent: there is no such row */

/* ---- processes.c ---- */
enum process_kind { PROCESS_VALUES, PROCESS_WORKER, PROCESS_USERS };
struct process {
	enum process_kind kind;
	int number;
	int64_t skew_ms; /* of its wall clock */
	struct event_base *base;
	struct values *values;
	struct revocations *follower; /* of values */
	struct users *users;
	struct work *work;
	bool is_draining, is_drained;
	int64_t stopped_until_us; /* as by SIGSTOP; 0: it is not */
};
#define PROCESSES 6
#define VALUES_FIRST 0 /* two of each */
#define WORKER_FIRST 2
#define USERS_FIRST 4
#define SIMULATED_USERS 3          /* with the ids 1 … */
#define SIMULATED_DELIVERIES 5     /* after which a job becomes a dead letter */
extern long simulated_lifetime_s;  /* of a token */
extern long simulated_retry_s;     /* how long a replaced refresh token gets the current one */
extern long simulated_sessions;    /* of a user */
extern unsigned simulated_retries; /* that the retry queue keeps */
extern struct process processes[PROCESSES];
extern struct process *current_process; /* whose code runs */
bool process_is_alive(const struct process *process);
void process_start(struct process *process);
void process_kill(struct process *process); /* as kill -9: it sends nothing any more */
void process_drain(struct process *process);
void processes_reset(void);
struct redis_config;
struct postgres_config;
/* processes_users.c */
void process_start_users(struct process *process, const struct redis_config *redis, const struct postgres_config *postgres,
			 long lease_s);
void process_stop_users(struct process *process);

/* ---- customers.c ---- */
void customers_reset(void);
void customers_act(void);
void customers_forget(const struct process *process); /* it has died: nothing is acknowledged any more */
int64_t customers_acknowledged(void);
/* Calls `each` with every calculation that acknowledged submissions wait for which no user has taken back, or tried to. */
void customers_each_acknowledged(void (*each)(enum kind kind, int64_t index, int submissions));
bool customers_have_open(void);
/* customers_tokens.c */
void customers_act_on_tokens(void);
void customers_check_tokens(const struct process *process); /* of values */
void customers_acknowledge_end(void);                       /* of tokens: every process is asked about the dead ones */
bool customers_end_is_under_way(int64_t user_id);           /* of all its tokens and sessions */
bool customers_tokens_settled(void);
int64_t customers_tokens_ended(void); /* acknowledged ends */
void customers_reset_tokens(void);
/* customers_sessions.c */
void customers_act_on_sessions(struct process *process); /* of users */
void customers_check_sessions(const struct process *process);
bool customers_sessions_settled(const struct process *process);
/* Those of the user that were known at that step were ended, and it was acknowledged. */
void customers_sessions_ended(int64_t user_id, int64_t step);
void customers_reset_sessions(void);
void customers_retry(enum kind kind, int64_t index); /* a dead letter */

/* ---- faults.c ---- */
void faults_reset(void);
void faults_inject(void);
void faults_end(void); /* everything works again, and all processes run */
int64_t faults_injected(void);
int64_t faults_injected_in_run(void);

/* ---- promises.c ---- */
struct promise_call;
void promises_reset(void);
/* Ends the run: prints what was broken, with seed and step. */
void promise_broken(const char *what, const char *detail) __attribute__((noreturn));
void promises_result_stored(const char *key, const char *field, const char *value, size_t len, const char *before,
			    size_t before_len);
struct value;
/* A calculation that Postgres has as done or failed from now on; digits and preview of one that is done. */
void promises_written(const char *kind, int64_t index, enum job_state state, int64_t digits, const char *preview);
/* Whether its result was announced, and nothing was lost since. */
bool promises_has_seen(enum kind kind, int64_t index);
int promises_losses(void); /* how often Redis has lost data */
void promises_appended(const char *key, const struct value *stream);
void promises_published_on(const char *channel, const char *text, size_t len);
void promises_data_lost(void);     /* Redis has lost data: what was published before may be published again */
void promises_keys_disagree(void); /* a single key was deleted */
void promises_forget(const struct process *process);
bool promises_settled(void); /* everything that was acknowledged has its result, and nothing is left over */
void promises_explain(void); /* breaks with what is missing */
int64_t promises_calls(void);
/* The fake mathematics (surroundings.c): what the result of an index is, in decimal; malloc'ed. */
char *expected_result(enum kind kind, int64_t index);

/* ---- scheduler.c ---- */
extern uint64_t run_seed;
extern int64_t run_step;
struct run_options {
	long steps; /* with faults; after these come as many without as it takes */
};
void run_seed_once(uint64_t seed, const struct run_options *options);

#endif

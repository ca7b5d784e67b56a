/* What the files of the daemon share.
 *   daemon.c      command line, configuration, one serving process
 *   supervisor.c  the parent of the serving processes
 *   descriptors.c how many descriptors clients get, and what is kept for the daemon itself
 *   spans.c       exports spans
 *   admin.c       /healthz /readyz /startupz /metrics, and the client of --check-ready and --check-alive */
#ifndef ABACUS_DAEMON_DAEMON_INTERNAL_H
#define ABACUS_DAEMON_DAEMON_INTERNAL_H

#include <stdatomic.h>

#include "daemon/daemon.h"

#define DAEMON_PROCESSES_MAX 64
#define DAEMON_REASON_BYTES 64

struct daemon_options {
	char *processes, *instance, *log_level, *admin_host, *otlp_endpoint, *trace_ratio;
	long drain_s, hang_s, admin_port;
};

/* The state of one serving process, in memory that all of them share. */
struct daemon_slot {
	atomic_bool has_started, is_ready;
	atomic_bool was_ready;            /* once; a process that is replaced leaves it to its successor */
	atomic_llong turned_ms;           /* when its loop turned last, CLOCK_MONOTONIC */
	char reason[DAEMON_REASON_BYTES]; /* why it is not ready */
};

struct daemon {
	const struct daemon_spec *spec;
	struct daemon_options options;
	unsigned process, processes;
	int beats; /* write end of the pipe from which the parent reads a byte a second; -1: there is no such parent */
	struct daemon_slot *slots;
	struct event_base *base;
	struct http_server *admin;
	struct daemon_spans *spans; /* NULL: none are exported */
	void *service;
	long admin_connections_max;
	bool is_draining, was_cut_off, has_been_ready;
	struct event *signals[2], *limit, *readiness, *beat;
};

/* Serves until drained; returns the exit code. */
int daemon_serve(struct daemon *daemon);
/* Forks the serving processes and replaces those that end. Returns true in a child, whose number and pipe are set, and false in
 * the parent, with the exit code. */
bool daemon_supervise(struct daemon *daemon, int *ret_exit_code);

struct daemon_descriptors {
	long limit;   /* RLIMIT_NOFILE */
	long own;     /* kept for the daemon's files and its own connections */
	long admin;   /* connections of the admin listener */
	long clients; /* connections of the service's listener */
	long least;   /* the limit that is just enough */
	bool is_enough;
};
/* outgoing: connections to Postgres, and what the service keeps itself */
struct daemon_descriptors daemon_descriptors_divide(long limit, long outgoing);
void daemon_descriptors_raise(void); /* the soft limit to the hard one */
/* Holds HTTP_CONNECTIONS_MAX below what the limit leaves, and reports the shares in one line. INTERNAL, logged: too few. */
enum status daemon_descriptors_share(struct daemon *daemon) MUST_CHECK;

/* Adds a problem for each option of traces that is wrong. */
void daemon_spans_check(const struct daemon_options *options, struct config *config);
bool daemon_spans_read_ratio(const char *text, double *ret_ratio); /* false: not a number from 0 to 1 */
/* Begins to sample and to export. NULL: that is not configured. */
struct daemon_spans *daemon_spans_new(struct event_base *base, const char *service, const struct daemon_options *options);
/* Sends what waits, within half a second; done runs then, or at once if nothing waits. NULL is fine. */
void daemon_spans_send_last(struct daemon_spans *spans, void (*done)(void *arg), void *arg);
void daemon_spans_free(struct daemon_spans *spans); /* NULL is fine */

enum status daemon_admin_start(struct daemon *daemon);
/* Asks the running daemon; returns 0 when the answer is 200, otherwise 1. */
int daemon_admin_check(const struct daemon_options *options, const char *path);

#endif

/* The life of a daemon: --help, --version, --check, --check-ready, --check-alive; the log; PROCESSES=N|auto serving processes,
 * which share the port under one supervising parent; draining within DRAIN_SECONDS after SIGTERM or SIGINT; the admin listener.
 * The parent replaces a serving process that dies within 100 ms, with back-off when it keeps dying, and one that hangs (is
 * stopped, or its loop does not turn) within HANG_SECONDS. When the parent dies, the kernel kills the serving processes; while
 * it is stopped they go on, but none is replaced. With PROCESSES=1 and HANG_SECONDS=0 there is no parent.
 *
 * The admin listener's /readyz decides on traffic. /startupz decides on replacement: it is 200 from the moment at which every
 * serving process has been ready for the first time, as long as none hangs, because a new process would be no closer to a lost
 * database. /healthz is 200 as soon as it answers at all. /metrics is for Prometheus.
 *
 * The soft limit of open files is raised to the hard one, and divided: what the daemon needs for itself is kept, and clients
 * get the rest (HTTP_CONNECTIONS_MAX is lowered if need be). One line of the log says how. */
#ifndef ABACUS_DAEMON_DAEMON_H
#define ABACUS_DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/config.h"
#include "http/server.h"

struct daemon; /* one serving process's handle */

/* A table of options and the struct to load it into; a list of them ends with {NULL, NULL}. */
struct daemon_config {
	const struct config_option *options;
	void *into;
};

struct daemon_spec {
	const char *name;    /* "users" */
	const char *summary; /* one line for --help */
	long admin_port;     /* default of ADMIN_PORT */
	const struct daemon_config *configs;
	void (*check)(struct config *config); /* rules about several options; may be NULL */
	/* How many descriptors to keep for HTTP requests to other servers, and for a listener of its own beside http_options',
	 * as configured; may be NULL: none. */
	long (*descriptors)(void);
	void (*register_metrics)(void); /* once, before any fork; may be NULL */
	/* Builds the service in this process: dependencies, routes, listeners. Any status but OK (which start logs) ends the
	 * process with 1. */
	enum status (*start)(struct daemon *daemon, struct event_base *base, void **ret_service);
	bool (*is_ready)(void *service, const char **ret_reason); /* reason, such as "postgres": for /readyz */
	/* Begins draining; the service calls drained(arg) once nothing is left in flight. */
	void (*drain)(void *service, void (*drained)(void *arg), void *arg);
	void (*stop)(void *service); /* frees everything; runs after the loop has ended, by drained() or at the drain limit */
};

/* Returns the exit code: 0 after a clean drain of every process; 78 for bad configuration; otherwise 1. main() calls it before
 * anything else. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv);
/* 0-based number of this serving process, and how many there are. */
unsigned daemon_process(const struct daemon *daemon);
unsigned daemon_processes(const struct daemon *daemon);

#endif

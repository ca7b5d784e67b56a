/* The life of a daemon: --help, --version, --check, --check-ready; log; PROCESSES=N|auto serving processes under one
 * supervising parent that share the port; SIGTERM and SIGINT drain within DRAIN_SECONDS; the admin listener (/healthz /readyz
 * /metrics). A serving process that dies is replaced within 100 ms, with back-off when it keeps dying; one that hangs (stopped,
 * or its loop does not turn) within HANG_SECONDS. A parent that dies takes the serving processes with it; one that is stopped
 * does not disturb them, but replaces none. With PROCESSES=1 and HANG_SECONDS=0 there is no parent. */
#ifndef ABACUS_DAEMON_DAEMON_H
#define ABACUS_DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/config.h"
#include "http/server.h"

struct daemon; /* one serving process's handle */

/* A table to load, with the struct that takes it; a list of them ends with {NULL, NULL}. */
struct daemon_config {
	const struct config_option *options;
	void *into;
};

struct daemon_spec {
	const char *name;    /* "users" */
	const char *summary; /* one line for --help */
	long admin_port;     /* default of ADMIN_PORT */
	const struct daemon_config *configs;
	void (*check)(struct config *config); /* rules that span options; may be NULL */
	void (*register_metrics)(void);       /* once, before any fork; may be NULL */
	/* Builds the service in this process: dependencies, routes, listeners. Non-OK (logged) ends the process with 1. */
	enum status (*start)(struct daemon *daemon, struct event_base *base, void **ret_service);
	bool (*is_ready)(void *service, const char **ret_reason); /* reason e.g. "postgres", for /readyz */
	/* Begins draining; the service calls drained(arg) once nothing is left in flight. */
	void (*drain)(void *service, void (*drained)(void *arg), void *arg);
	void (*stop)(void *service); /* frees everything; runs after the loop has ended, also after the drain limit */
};

/* Returns the exit code: 0 after a clean drain of every process, 1, or 78 for configuration. Call from main() with nothing done
 * before. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv);
/* 0-based number of this serving process, and how many there are. */
unsigned daemon_process(const struct daemon *daemon);
unsigned daemon_processes(const struct daemon *daemon);

#endif

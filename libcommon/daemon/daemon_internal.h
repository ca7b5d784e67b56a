/* What the files of the daemon module share.
 *   daemon.c             command line, configuration, one serving process
 *   daemon_supervisor.c  the parent of the serving processes
 *   daemon_admin.c       /healthz /readyz /metrics, and --check-ready which asks */
#ifndef ABACUS_DAEMON_DAEMON_INTERNAL_H
#define ABACUS_DAEMON_DAEMON_INTERNAL_H

#include <stdatomic.h>

#include "daemon/daemon.h"

#define DAEMON_PROCESSES_MAX 64
#define DAEMON_REASON_BYTES 64

struct daemon_options {
	char *processes, *instance, *log_level, *admin_host;
	long drain_s, hang_s, admin_port;
};

/* Of one serving process, in memory that all of them share. */
struct daemon_slot {
	atomic_bool has_started, is_ready;
	atomic_llong turned_ms;           /* when its loop last turned, CLOCK_MONOTONIC */
	char reason[DAEMON_REASON_BYTES]; /* why not */
};

struct daemon {
	const struct daemon_spec *spec;
	struct daemon_options options;
	unsigned process, processes;
	int beats; /* where the parent listens for a byte a second; -1: nobody does */
	struct daemon_slot *slots;
	struct event_base *base;
	struct http_server *admin;
	void *service;
	bool is_draining, was_cut_off;
	struct event *signals[2], *limit, *readiness, *beat;
};

/* Serves until drained; returns the exit code. */
int daemon_serve(struct daemon *daemon);
/* Forks the serving processes and keeps them; returns true in a child, with its number and pipe, or false in the parent, with
 * the exit code. */
bool daemon_supervise(struct daemon *daemon, int *ret_exit_code);

enum status daemon_admin_start(struct daemon *daemon);
/* 0 when /readyz of the running daemon says 200, else 1. */
int daemon_admin_ask_ready(const struct daemon_options *options);

#endif

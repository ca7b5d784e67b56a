/* `manage`, each service's command line: db upgrade|downgrade|current|history|stamp V|new NAME, recreate_db, seed_db, routes,
 * shell, and the service's own commands. Blocking. recreate_db asks on a terminal, and elsewhere wants --yes-destroy. What the
 * command line says is checked before the configuration, so `manage` without a command, and a command with wrong arguments,
 * print the usage on every machine. */
#ifndef ABACUS_DAEMON_MANAGE_H
#define ABACUS_DAEMON_MANAGE_H

#include <libpq-fe.h>

#include "base/config.h"
#include "daemon/daemon.h"
#include "http/request.h"

struct manage; /* configuration and connection */
struct manage_command {
	const char *name;  /* "create_admin" or "jobs list" */
	const char *usage; /* its arguments, "" if none; alternatives: "KIND INDEX | --all"; what may be left out: "[--now]" */
	const char *meaning;
	/* argv after the name, as many as usage says. Returns the exit code; 64: the usage is to be printed. */
	int (*run)(struct manage *manage, int argc, char **argv);
};
struct manage_spec {
	const char *service;
	const struct daemon_config *configs;   /* the same as the daemon's (daemon.h) */
	const struct http_route *routes;       /* NULL: no `routes` command */
	const struct manage_command *commands; /* ends with a NULL name; includes "seed_db" when the service has seed data */
	bool has_database;
};
int manage_main(const struct manage_spec *spec, int argc, char **argv);
/* Connects on first use; ends the program with one clear line when it cannot. */
PGconn *manage_postgres(struct manage *manage);
enum app_env manage_env(const struct manage *manage);

#endif

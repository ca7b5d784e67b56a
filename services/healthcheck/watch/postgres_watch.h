/* Watches Postgres: does it answer, does it accept writes, how many connections are used. */
#ifndef ABACUS_HEALTHCHECK_POSTGRES_WATCH_H
#define ABACUS_HEALTHCHECK_POSTGRES_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "record/events.h"

struct monitor;
struct postgres_watch;

struct postgres_readings {
	bool is_watched;
	struct watched watched;
	bool is_replica;
	int64_t connections, connections_max; /* negative: not known */
};

/* Sets monitor->postgres now and after each answer. */
struct postgres_watch *postgres_watch_new(struct monitor *monitor);
void postgres_watch_ask(struct postgres_watch *watch); /* unless the last question is still open; NULL is fine */
void postgres_watch_free(struct postgres_watch *watch);

#endif

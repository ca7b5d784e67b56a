/* Watches nginx by its stub_status: does it answer, how many connections are open, how many requests it serves. */
#ifndef ABACUS_HEALTHCHECK_NGINX_WATCH_H
#define ABACUS_HEALTHCHECK_NGINX_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "record/events.h"

struct monitor;
struct nginx_watch;

struct nginx_readings {
	bool is_watched;
	struct watched watched;
	int64_t active;        /* connections; negative: not known */
	double requests_per_s; /* negative: not known */
};

/* Sets monitor->nginx now and after each answer. */
struct nginx_watch *nginx_watch_new(struct monitor *monitor);
void nginx_watch_ask(struct nginx_watch *watch); /* unless the last question is still open; NULL is fine */
void nginx_watch_free(struct nginx_watch *watch);

#endif

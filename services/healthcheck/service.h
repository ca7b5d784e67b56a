/* What main.c and manage.c need of the healthcheck service: its options and its paths. What it knows is in monitor.h. Rooms:
 *  - watch/ asks: instances, Postgres, Redis, nginx
 *  - record/ remembers: health, events, a day of samples and figures
 *  - show/ answers: JSON, the event stream, the operators' page (its files are in dashboard/) */
#ifndef ABACUS_HEALTHCHECK_SERVICE_H
#define ABACUS_HEALTHCHECK_SERVICE_H

#include <stdbool.h>

#include "daemon/daemon.h"
#include "http/server.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

#define HEALTHCHECK_PRIVATE_CONNECTIONS 100 /* of the listener for operators */

struct healthcheck_config {
	struct http_config http;
	struct postgres_config postgres; /* its url is NULL: Postgres is not watched */
	struct redis_config redis;
	char *targets, *interval;
	char *users_url;                 /* NULL: no request can prove that it is an admin's */
	char *status_public;             /* NULL: by APP_ENV */
	bool shows_all;                  /* of `status_public`: to every reader */
	char *dashboard;                 /* the text of DASHBOARD_PORT; NULL: by APP_ENV */
	struct http_config private_http; /* port 0: there is no private listener */
	char *nginx_url;                 /* NULL: nginx is not watched */
	bool watches_redis;
	long interval_ms; /* of `interval` */
	long timeout_ms, streams_max, streams_per_client;
};

extern struct healthcheck_config healthcheck_config;
extern const struct daemon_config healthcheck_configs[];
void healthcheck_check(struct config *config);

extern const struct http_route healthcheck_routes[];
http_handler health_show, history_show, events_show, requests_show, requests_history_show, queue_history_show,
	event_acknowledge, notice_set, notice_remove, stream_begin, page_show, page_redirect;

#endif

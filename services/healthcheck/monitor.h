/* Everything that one process watches and knows, in fixed memory, and when it publishes that to the readers of /status/stream:
 * once a round, after all instances have answered, and soon after any health has changed. */
#ifndef ABACUS_HEALTHCHECK_MONITOR_H
#define ABACUS_HEALTHCHECK_MONITOR_H

#include "http/request.h"
#include "record/events.h"
#include "record/history.h"
#include "record/series.h"
#include "watch/instance.h"
#include "watch/nginx_watch.h"
#include "watch/postgres_watch.h"
#include "watch/redis_watch.h"

struct healthcheck_config;
struct introspection;

enum queue_figure { QUEUE_DEPTH, QUEUE_BACKLOG, QUEUE_PER_S, QUEUE_OLDEST_S };

struct monitor {
	const struct healthcheck_config *config;
	struct event_base *base;
	struct http_client *client;
	struct introspection *introspection;

	/* What is known. */
	struct instance *instances[INSTANCES_MAX]; /* sorted by service and number; targets.c's */
	size_t instances_count;
	struct postgres_readings postgres;
	struct redis_readings redis;
	struct nginx_readings nginx;
	struct request_rates *requests; /* of each service, by its number */
	struct recording recording;     /* of their routes */
	struct figures *queue;          /* enum queue_figure */
	struct history history;
	struct events events;
	struct notice notice;
	int64_t updated_ms; /* when it was last published; 0: never */

	/* What finds it out. */
	struct targets *targets;
	struct poll *poll;
	struct postgres_watch *postgres_watch; /* these three are NULL when not watched */
	struct redis_watch *redis_watch;
	struct nginx_watch *nginx_watch;

	/* What publishes it. */
	struct streams *streams;
	struct loop_timer *soon;
	bool is_published; /* since this round began */
};

/* Starts to watch. config must outlive it. */
struct monitor *monitor_new(struct event_base *base, const struct healthcheck_config *config);
void monitor_free(struct monitor *monitor); /* after the HTTP server */

/* Records a health that was found, and publishes soon when it changed. */
void monitor_note(struct monitor *monitor, struct watched *watched, enum health health, const char *reason);
/* Records that something is up and was down in between. */
void monitor_note_restart(struct monitor *monitor, struct watched *watched);
/* Publishes in a moment, after something else than health has changed. */
void monitor_publish_soon(struct monitor *monitor);
/* A round begins: what was recorded of an earlier one gives way. */
void monitor_begin_round(struct monitor *monitor);
/* The queue was counted. */
void monitor_record_queue(struct monitor *monitor);
/* Jobs that all workers finish in a second; negative: not known. */
double monitor_jobs_per_s(const struct monitor *monitor);
/* An instance has answered: publishes when it was the last of its round. */
void monitor_answered(struct monitor *monitor);
/* Publishes now unless this round already did, because some instance hangs. */
void monitor_round_ends(struct monitor *monitor);

/* What each HTTP server has as its service, because one of them is for operators alone. */
struct listener {
	struct monitor *monitor;
	bool is_private;
};

static inline struct monitor *monitor_of(const struct http_request *req)
{
	const struct listener *listener = http_request_service(req);

	return listener->monitor;
}

#endif

/* What the files of the healthcheck service share: everything that is known about the system, in fixed memory. */
#ifndef ABACUS_HEALTHCHECK_SERVICE_H
#define ABACUS_HEALTHCHECK_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "http/client.h"
#include "http/reply.h"
#include "http/server.h"
#include "net/url.h"
#include "postgres/postgres.h"
#include "redis/redis.h"

#define INSTANCES_MAX 256
#define TARGETS_MAX 256
#define SERVICE_NAME_BYTES 32
#define INSTANCE_NAME_BYTES 48
#define ADDRESS_BYTES 264 /* a host's name, a colon and a port */
#define REASON_BYTES 96

/* ---- config.c ---- */

struct healthcheck_config {
	struct http_config http;
	struct postgres_config postgres;
	struct redis_config redis;
	char *targets, *interval, *nginx_url;
	bool watches_redis;
	long interval_ms; /* of `interval` */
	long timeout_ms, streams_max;
};

extern struct healthcheck_config healthcheck_config;
extern const struct daemon_config healthcheck_configs[];
void healthcheck_check(struct config *config);

/* ---- events.c: who became what, and when ---- */

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN };
const char *health_name(enum health health); /* "up", "degraded", "down"; unknown is down as well: nobody has answered */

/* Whatever has a health: an instance, Postgres, Redis, nginx. */
struct watched {
	char service[SERVICE_NAME_BYTES], instance[INSTANCE_NAME_BYTES];
	enum health health;
	char reason[REASON_BYTES]; /* "" when up */
	int64_t since_ms;          /* when it became so */
	int64_t last_seen_ms;      /* 0: never */
	uint64_t event;            /* number of its latest event; 0: none */
};

#define EVENTS_MAX 500
struct event_entry {
	char service[SERVICE_NAME_BYTES], instance[INSTANCE_NAME_BYTES];
	enum health health, was;
	char reason[REASON_BYTES];
	int64_t at_ms, ended_ms; /* 0: it still is so */
};
struct events {
	struct event_entry ring[EVENTS_MAX];
	uint64_t count; /* ever; number n stands at (n - 1) % EVENTS_MAX */
};
/* Sets the health; an event when it is another than before. That something is up when first seen is none. True: it changed. */
bool events_note(struct events *events, struct watched *watched, enum health health, const char *reason, int64_t now_ms);
/* It was down and is back, and nobody has seen it. */
void events_note_restart(struct events *events, struct watched *watched, int64_t now_ms);
/* It is not watched any more: what its latest event told is over. */
void events_forget(struct events *events, const struct watched *watched, int64_t now_ms);

/* ---- history.c: an hour of samples ---- */

#define HISTORY_MINUTES 60
#define HISTORY_ROUNDS_MAX 1800
#define HISTORY_POINTS_MAX 450      /* of an instance in one answer */
#define HISTORY_POINTS_ALL_MAX 9000 /* of all instances in one answer */

struct sample {              /* 8 bytes */
	uint32_t health : 2; /* HEALTH_UNKNOWN: not asked */
	uint32_t memory_kib : 30;
	uint16_t cpu_permille;   /* of one processor */
	uint16_t response_100us; /* 0: none */
};

/* When each round was; rounds are counted from 1, and round n of an instance stands at its sample n % rounds_max. */
struct history {
	long interval_ms;
	size_t rounds_max; /* an hour of them, at most HISTORY_ROUNDS_MAX */
	uint64_t round;
	int64_t times_ms[HISTORY_ROUNDS_MAX];
};
void history_init(struct history *history, long interval_ms);
void history_begin_round(struct history *history, int64_t now_ms);
struct sample *history_samples_new(const struct history *history); /* zeroed; free() it */
struct sample history_sample(enum health health, double memory_bytes, double cpu_percent, double response_ms);
struct history_point {
	int64_t at_ms;
	enum health health;                            /* the worst of what it stands for */
	double memory_bytes, cpu_percent, response_ms; /* means; negative: not known */
};
/* How many rounds a point must stand for, so that there are at most points_max (2 or more) of them. */
size_t history_step(const struct history *history, int minutes, size_t points_max);
/* Points of the last minutes, oldest first, each of `step` rounds, the same ones at each call; rounds in which the instance was
 * not asked are left out. Returns their number. */
size_t history_points(const struct history *history, const struct sample *samples, int minutes, size_t step, int64_t now_ms,
		      struct history_point *points);

/* ---- parse.c: what others say of themselves ---- */

struct metrics_reading { /* negative: not there */
	double cpu_s, memory_bytes, started_s, jobs;
	char version[32];
};
/* Prometheus text. INVALID: not such a text, or not of one of our daemons. */
enum status parse_metrics(const char *text, size_t len, struct metrics_reading *ret_reading) MUST_CHECK;
/* The envelope of /readyz; message is put into text. INVALID: it is none. */
enum status parse_readiness(const char *body, size_t len, char *text, size_t size) MUST_CHECK;
/* nginx's stub_status. */
enum status parse_stub_status(const char *text, int64_t *ret_active, int64_t *ret_requests) MUST_CHECK;
/* The value of `name:` in Redis's INFO, up to the line's end, into value. */
bool parse_info(const char *info, const char *name, char *value, size_t size);

/* ---- targets.c: services and their instances ---- */

struct monitor;

struct answer {
	bool is_sound, is_ready;
	char reason[REASON_BYTES]; /* why not */
};

struct instance {
	struct watched watched;
	struct monitor *monitor;
	struct target *target;
	unsigned number; /* within its service, from 1; the lowest that is free */
	char address[ADDRESS_BYTES];
	bool is_placeholder; /* for a name without an address: never asked */
	int64_t unlisted_ms; /* since when no look-up gives this address any more; 0: one does */
	struct scope scope;
	int awaited;          /* answers */
	uint64_t asked_round; /* 0: never */
	struct answer readiness, metrics;
	double response_ms, cpu_percent, memory_bytes, started_s, jobs_per_s; /* negative: not known */
	char version[32];
	double cpu_s, jobs; /* at counted_us, for the rates */
	int64_t counted_us;
	double newest_start_s; /* of any of its processes */
	bool is_restarted;     /* since the last answer */
	int64_t answered_ms;   /* its metrics, last; 0: never */
	struct sample *samples;
};

struct target { /* one name=url */
	unsigned service;
	char host[URL_HOST_BYTES_MAX];
	int port;
	bool is_name, is_being_looked_up;
	struct monitor *monitor;
};

struct targets {
	size_t count, services_count;
	struct target list[TARGETS_MAX];
	char services[TARGETS_MAX][SERVICE_NAME_BYTES]; /* in the order of configuration */
};

/* "users=http://users:9001,values=http://10.0.0.1:9002,…". On INVALID, problem says what is wrong with it. */
enum status targets_parse(const char *text, struct targets *ret_targets, char *problem, size_t size) MUST_CHECK;
/* The service's place in targets->services, or -1. */
int targets_service(const struct targets *targets, const char *name);
/* Makes the instances of targets that are addresses. */
void targets_start(struct monitor *monitor);
/* At the start of a round: forgets who is long gone, and looks names up anew; who is found new is asked at once. */
void targets_refresh(struct monitor *monitor);
void targets_free(struct monitor *monitor);

/* ---- poll.c: rounds ---- */

struct poll;
struct poll *poll_new(struct monitor *monitor);
void poll_register_metrics(void);
void poll_free(struct poll *poll);
void poll_instance(struct poll *poll, struct instance *instance);
/* An instance was put into the list at this place. */
void poll_inserted(struct poll *poll, size_t at);
void poll_start(struct poll *poll);         /* the first round, at once */
bool poll_is_idle(const struct poll *poll); /* everybody has answered, or failed to */

/* ---- postgres.c, redis.c, nginx.c: each NULL when it is not watched ---- */

struct postgres_watch {
	struct watched watched;
	struct monitor *monitor;
	struct postgres *postgres;
	struct scope scope;
	bool is_asked, is_replica;
	double started_s;                     /* 0: not known */
	int64_t connections, connections_max; /* negative: not known */
};
struct postgres_watch *postgres_watch_new(struct monitor *monitor);
void postgres_watch_ask(struct postgres_watch *watch);
void postgres_watch_free(struct postgres_watch *watch);

struct redis_watch {
	struct watched watched;
	struct monitor *monitor;
	struct redis *redis;
	struct scope scope;
	bool is_asked, has_queue;
	char role[16];
	int64_t memory_bytes, memory_max_bytes, evicted, clients; /* negative: not known; memory_max_bytes 0: no limit */
	int64_t depth, dead;
	double oldest_s;
};
struct redis_watch *redis_watch_new(struct monitor *monitor);
void redis_watch_ask(struct redis_watch *watch);
void redis_watch_free(struct redis_watch *watch);

struct nginx_watch {
	struct watched watched;
	struct monitor *monitor;
	struct scope scope;
	bool is_asked;
	int64_t active, requests; /* negative: not known */
	double requests_per_s;
	int64_t counted_us;
};
struct nginx_watch *nginx_watch_new(struct monitor *monitor);
void nginx_watch_ask(struct nginx_watch *watch);
void nginx_watch_free(struct nginx_watch *watch);

/* ---- monitor.c ---- */

struct monitor {
	const struct healthcheck_config *config;
	struct event_base *base;
	struct http_client *client;
	struct http_server *http;
	struct targets targets;
	struct instance *instances[INSTANCES_MAX]; /* by service and number */
	size_t instances_count;
	bool was_full; /* which is logged once */
	struct poll *poll;
	struct history history;
	struct events events;
	struct postgres_watch *postgres;
	struct redis_watch *redis;
	struct nginx_watch *nginx;
	struct streams *streams;
	struct scope scope;
	struct event *soon;
	bool is_told;       /* since this round began */
	int64_t updated_ms; /* when they were told last; 0: never */
};

/* config must outlive it. Begins to ask. */
struct monitor *monitor_new(struct event_base *base, const struct healthcheck_config *config);
void monitor_free(struct monitor *monitor); /* after the HTTP server */
/* Somebody's health was found. Those who watch are told soon when it changed. */
void monitor_note(struct monitor *monitor, struct watched *watched, enum health health, const char *reason);
/* It is up, and was down in between. */
void monitor_note_restart(struct monitor *monitor, struct watched *watched);
/* An instance has answered: those who watch are told once all have. */
void monitor_answered(struct monitor *monitor);
/* They are told now if they were not since the last round began: somebody hangs. */
void monitor_round_ends(struct monitor *monitor);

/* ---- stream.c ---- */

struct streams;
struct streams *streams_new(struct monitor *monitor);
void stream_register_metrics(void);
/* Tells every reader what is known now. */
void streams_publish(struct streams *streams);
/* After the HTTP server was freed. */
void streams_free(struct streams *streams);

/* ---- view.c, view_past.c, page.c, routes.c ---- */

/* {"status":"success","data":{"summary",…}} of contract.md. */
void view_health(const struct monitor *monitor, int64_t now_ms, struct buf *json);
void view_summary(const struct monitor *monitor, int64_t now_ms, struct buf *text);
bool view_is_anything_down(const struct monitor *monitor);

extern const struct http_route healthcheck_routes[];
http_handler health_show, history_show, events_show, stream_begin, page_show, page_redirect;

static inline struct monitor *monitor_of(const struct http_request *req)
{
	return http_request_service(req);
}

#endif

#include "watch/redis_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/loop.h"
#include "base/mem.h"
#include "jobs/jobs.h"
#include "monitor.h"
#include "redis/redis.h"
#include "service.h"
#include "watch/full.h"
#include "watch/parse.h"
#include "watch/replica.h"

#define EVICTABLE_MIN 100 /* keys that expire; with as many, what fills Redis is its cache of results */

struct redis_watch {
	struct monitor *monitor;
	struct redis *redis;
	struct scope scope;
	bool is_asked;
	struct replica replica;
};

static void note(struct redis_watch *watch, enum health health, const char *reason)
{
	monitor_note(watch->monitor, &watch->monitor->redis.watched, health, reason);
}

static void forget_readings(struct redis_readings *readings)
{
	readings->memory_bytes = readings->memory_max_bytes = readings->evicted = readings->clients = -1;
	readings->role[0] = '\0';
	readings->has_queue = false;
}

static int64_t number_of(const char *info, const char *name)
{
	char text[INT64_TEXT_BYTES];
	int64_t number;

	return parse_info(info, name, text, sizeof text) && int64_parse(text, &number) == STATUS_OK ? number : -1;
}

/* Redis calls its roles master and slave; everything that we show says primary and replica, as for Postgres. */
static void read_role(const char *info, struct redis_readings *readings)
{
	char role[sizeof readings->role] = "";

	parse_info(info, "role", role, sizeof role);
	snprintf(readings->role, sizeof readings->role, "%s",
		 strcmp(role, "master") == 0  ? "primary"
		 : strcmp(role, "slave") == 0 ? "replica"
					      : role);
}

const char *redis_watch_read(const char *info, struct redis_readings *readings)
{
	readings->memory_bytes = number_of(info, "used_memory");
	readings->memory_max_bytes = number_of(info, "maxmemory");
	readings->evicted = number_of(info, "evicted_keys");
	readings->clients = number_of(info, "connected_clients");
	read_role(info, readings);
	if (strcmp(readings->role, "replica") == 0)
		return "a replica: it takes no writes";
	if (readings->memory_max_bytes > 0 && parse_info_expiring(info) < EVICTABLE_MIN &&
	    full_is_near(readings->memory_bytes, readings->memory_max_bytes))
		return "nearly all memory is used";
	return NULL;
}

static void informed(enum status status, const redisReply *reply, void *arg)
{
	struct redis_watch *watch = arg;
	struct redis_readings *readings = &watch->monitor->redis;
	const char *problem;

	watch->is_asked = false;
	if (status != STATUS_OK || reply->type != REDIS_REPLY_STRING)
		forget_readings(readings);
	if (status == STATUS_TIMEOUT)
		return note(watch, HEALTH_DOWN, "no answer in time");
	if (reply && reply->type == REDIS_REPLY_ERROR)
		return note(watch, HEALTH_DOWN, reply->str);
	if (status != STATUS_OK)
		return note(watch, HEALTH_DOWN, "can not be connected to");
	if (reply->type != REDIS_REPLY_STRING)
		return note(watch, HEALTH_DOWN, "answers INFO with another type");
	problem = redis_watch_read(reply->str, readings);
	note(watch, problem ? HEALTH_DEGRADED : HEALTH_UP, problem ? problem : "");
	if (strcmp(readings->role, "replica") == 0 && replica_is_due(&watch->replica))
		redis_replace(watch->redis); /* last, because the reply goes with the connection */
}

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	struct monitor *monitor = ((struct redis_watch *)arg)->monitor;
	struct redis_readings *readings = &monitor->redis;

	readings->has_queue = status == STATUS_OK;
	if (status != STATUS_OK)
		return;
	readings->depth = stats->depth;
	readings->dead = stats->dead;
	readings->oldest_s = stats->oldest_s;
	readings->backlog = stats->backlog;
	monitor_record_queue(monitor);
	monitor_note(monitor, &readings->queue, stats->dead > 0 ? HEALTH_DEGRADED : HEALTH_UP,
		     stats->dead > 0 ? "jobs were given up" : "");
}

void redis_watch_ask(struct redis_watch *watch)
{
	if (!watch || watch->is_asked || (!redis_is_ready(watch->redis) && replica_is_connecting(&watch->replica)))
		return;
	watch->is_asked = true;
	jobs_count(watch->redis, &watch->scope, counted, watch);
	redis_command(watch->redis, &watch->scope, 1, (const char *[]){"INFO"}, NULL, informed, watch);
}

static void changed(bool is_ready, void *arg)
{
	redis_watch_ask(arg);
}

struct redis_watch *redis_watch_new(struct monitor *monitor)
{
	struct redis_watch *watch = mem_alloc(sizeof *watch);

	watch->monitor = monitor;
	monitor->redis = (struct redis_readings){
		.is_watched = true,
		.watched = {.service = "redis", .instance = "redis", .reason = "not asked yet"},
		.queue = {.service = "queue", .instance = "queue"},
	};
	forget_readings(&monitor->redis);
	scope_init(&watch->scope);
	watch->redis = redis_new(monitor->base, &monitor->config->redis, jobs_scripts, LOOP_PRIORITY_NORMAL);
	redis_on_change(watch->redis, changed, watch);
	return watch;
}

void redis_watch_free(struct redis_watch *watch)
{
	if (!watch)
		return;
	scope_cancel(&watch->scope);
	redis_free(watch->redis);
	free(watch);
}

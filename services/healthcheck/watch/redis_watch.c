/* Redis: does it answer, what does its INFO say; and the queue of jobs that lives in it. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/loop.h"
#include "base/mem.h"
#include "jobs/jobs.h"

#define FULL_PERCENT 90

static void note(struct redis_watch *watch, enum health health, const char *reason)
{
	monitor_note(watch->monitor, &watch->watched, health, reason);
}

static void forget_readings(struct redis_watch *watch)
{
	watch->memory_bytes = watch->memory_max_bytes = watch->evicted = watch->clients = -1;
	watch->role[0] = '\0';
	watch->has_queue = false;
}

static int64_t number_of(const char *info, const char *name)
{
	char text[24];
	int64_t number;

	return parse_info(info, name, text, sizeof text) && int64_parse(text, &number) == STATUS_OK ? number : -1;
}

static void judge(struct redis_watch *watch)
{
	if (strcmp(watch->role, "replica") == 0)
		note(watch, HEALTH_DEGRADED, "a replica: it takes no writes");
	else if (watch->memory_max_bytes > 0 && watch->memory_bytes / FULL_PERCENT * 100 >= watch->memory_max_bytes)
		note(watch, HEALTH_DEGRADED, "nearly all memory is used");
	else
		note(watch, HEALTH_UP, "");
}

static void informed(enum status status, const redisReply *reply, void *arg)
{
	struct redis_watch *watch = arg;

	watch->is_asked = false;
	if (status != STATUS_OK)
		forget_readings(watch);
	if (status == STATUS_TIMEOUT)
		return note(watch, HEALTH_DOWN, "no answer in time");
	if (status == STATUS_INTERNAL && reply)
		return note(watch, HEALTH_DOWN, reply->str);
	if (status != STATUS_OK || reply->type != REDIS_REPLY_STRING)
		return note(watch, HEALTH_DOWN, "can not be connected to");
	watch->memory_bytes = number_of(reply->str, "used_memory");
	watch->memory_max_bytes = number_of(reply->str, "maxmemory");
	watch->evicted = number_of(reply->str, "evicted_keys");
	watch->clients = number_of(reply->str, "connected_clients");
	if (!parse_info(reply->str, "role", watch->role, sizeof watch->role))
		watch->role[0] = '\0';
	if (strcmp(watch->role, "master") == 0)
		snprintf(watch->role, sizeof watch->role, "primary");
	else if (strcmp(watch->role, "slave") == 0)
		snprintf(watch->role, sizeof watch->role, "replica");
	judge(watch);
}

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	struct redis_watch *watch = arg;

	watch->has_queue = status == STATUS_OK;
	if (status != STATUS_OK)
		return;
	watch->depth = stats->depth;
	watch->dead = stats->dead;
	watch->oldest_s = stats->oldest_s;
}

void redis_watch_ask(struct redis_watch *watch)
{
	if (watch->is_asked)
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
	watch->watched = (struct watched){.service = "redis", .instance = "redis", .reason = "not asked yet"};
	forget_readings(watch);
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

/* What is known, as JSON: GET /healthcheck, /healthcheck/history, /healthcheck/events. Written without a tree: 200 instances
 * are written every two seconds for each who watches. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* ---- members ---- */

static void add_time(struct buf *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];

	if (unix_ms > 0)
		clock_format(unix_ms, text);
	buf_printf(json, "\"%s\":", name);
	buf_json_text(json, unix_ms > 0 ? text : NULL);
}

static void add_text(struct buf *json, const char *name, const char *text)
{
	buf_printf(json, "\"%s\":", name);
	buf_json_text(json, *text ? text : NULL);
}

/* Negative numbers are those that are not known. */
static void add_number(struct buf *json, const char *name, double number, int decimals)
{
	if (number < 0)
		buf_printf(json, "\"%s\":null", name);
	else
		buf_printf(json, "\"%s\":%.*f", name, decimals, number);
}

static void add_health(struct buf *json, const struct watched *watched)
{
	buf_printf(json, "\"status\":\"%s\",", health_name(watched->health));
	add_text(json, "reason", watched->reason);
}

static bool is_down(const struct watched *watched)
{
	return watched->health == HEALTH_DOWN || watched->health == HEALTH_UNKNOWN;
}

/* ---- the summary ---- */

static void add_duration(struct buf *text, int64_t ms)
{
	long long s = ms > 0 ? ms / 1000 : 0;

	if (s < 60)
		buf_printf(text, "%lld s", s);
	else if (s < 3600)
		buf_printf(text, "%lld min", s / 60);
	else if (s < 86400)
		buf_printf(text, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		buf_printf(text, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

static void add_trouble(struct buf *text, const char *who, const char *what, int64_t ms)
{
	buf_printf(text, "%s%s %s for ", text->len ? "; " : "", who, what);
	add_duration(text, ms);
}

/* "values: 1 of 2 down for 14 s" */
static void summarize_service(const struct monitor *monitor, unsigned service, enum health health, int64_t now_ms,
			      struct buf *text)
{
	const char *name = monitor->targets.services[service];
	unsigned all = 0, such = 0;
	int64_t since_ms = now_ms;
	char who[SERVICE_NAME_BYTES + 32];

	for (size_t i = 0; i < monitor->instances_count; i++) {
		const struct instance *instance = monitor->instances[i];

		if (instance->target->service != service)
			continue;
		all++;
		if (strcmp(health_name(instance->watched.health), health_name(health)) != 0)
			continue;
		such++;
		if (instance->watched.since_ms < since_ms)
			since_ms = instance->watched.since_ms;
	}
	if (such == 0)
		return;
	snprintf(who, sizeof who, "%s: %u of %u", name, such, all);
	add_trouble(text, who, health_name(health), now_ms - since_ms);
}

static void summarize_dependency(const struct watched *watched, const char *name, enum health health, int64_t now_ms,
				 struct buf *text)
{
	if (watched && strcmp(health_name(watched->health), health_name(health)) == 0)
		add_trouble(text, name, health_name(health), now_ms - watched->since_ms);
}

static void summarize(const struct monitor *monitor, enum health health, int64_t now_ms, struct buf *text)
{
	for (unsigned service = 0; service < monitor->targets.services_count; service++)
		summarize_service(monitor, service, health, now_ms, text);
	summarize_dependency(monitor->postgres ? &monitor->postgres->watched : NULL, "Postgres", health, now_ms, text);
	summarize_dependency(monitor->redis ? &monitor->redis->watched : NULL, "Redis", health, now_ms, text);
	summarize_dependency(monitor->nginx ? &monitor->nginx->watched : NULL, "nginx", health, now_ms, text);
}

void view_summary(const struct monitor *monitor, int64_t now_ms, struct buf *text)
{
	if (monitor->instances_count == 0 || (monitor->history.round <= 1 && !poll_is_idle(monitor->poll))) {
		buf_text(text, "Asking for the first time");
		return;
	}
	summarize(monitor, HEALTH_DOWN, now_ms, text);
	summarize(monitor, HEALTH_DEGRADED, now_ms, text);
	if (text->len == 0)
		buf_printf(text, monitor->instances_count == 1 ? "%zu instance up" : "All %zu instances up",
			   monitor->instances_count);
}

bool view_is_anything_down(const struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->instances_count; i++)
		if (is_down(&monitor->instances[i]->watched))
			return true;
	return (monitor->postgres && is_down(&monitor->postgres->watched)) ||
	       (monitor->redis && is_down(&monitor->redis->watched)) || (monitor->nginx && is_down(&monitor->nginx->watched));
}

/* ---- GET /healthcheck ---- */

static void add_instance(struct buf *json, const struct instance *instance, int64_t now_ms)
{
	const struct watched *watched = &instance->watched;
	double uptime_s = instance->started_s < 0 ? -1 : (double)now_ms / 1000 - instance->started_s;

	buf_printf(json, "{\"name\":\"%s\",\"instance\":\"%s\",\"address\":\"%s\",", watched->service, watched->instance,
		   instance->address);
	add_health(json, watched);
	buf_text(json, ",");
	add_number(json, "cpu_percent", instance->cpu_percent, 1);
	buf_text(json, ",");
	add_number(json, "memory_bytes", instance->memory_bytes, 0);
	buf_text(json, ",");
	add_number(json, "uptime_s", instance->started_s >= 0 && uptime_s < 0 ? 0 : uptime_s, 0);
	buf_text(json, ",");
	add_number(json, "response_ms", instance->response_ms, 2);
	buf_text(json, ",");
	add_text(json, "version", instance->version);
	buf_text(json, ",");
	add_time(json, "last_seen", watched->last_seen_ms);
	buf_text(json, ",");
	add_time(json, "down_since", is_down(watched) ? watched->since_ms : 0);
	buf_text(json, "}");
}

static double jobs_per_s(const struct monitor *monitor)
{
	double sum = -1;

	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->jobs_per_s >= 0)
			sum = (sum < 0 ? 0 : sum) + monitor->instances[i]->jobs_per_s;
	return sum;
}

static void add_queue(struct buf *json, const struct monitor *monitor)
{
	const struct redis_watch *watch = monitor->redis;

	if (!watch) {
		buf_text(json, "\"queue\":null");
		return;
	}
	buf_text(json, "\"queue\":{");
	add_number(json, "depth", watch->has_queue ? (double)watch->depth : -1, 0);
	buf_text(json, ",");
	add_number(json, "oldest_s", watch->has_queue ? watch->oldest_s : -1, 1);
	buf_text(json, ",");
	add_number(json, "per_s", jobs_per_s(monitor), 1);
	buf_text(json, ",");
	add_number(json, "dead", watch->has_queue ? (double)watch->dead : -1, 0);
	buf_text(json, "}");
}

static void add_postgres(struct buf *json, const struct postgres_watch *watch)
{
	if (!watch) {
		buf_text(json, "\"postgres\":null");
		return;
	}
	buf_text(json, "\"postgres\":{");
	add_health(json, &watch->watched);
	buf_text(json, ",");
	add_number(json, "connections", (double)watch->connections, 0);
	buf_text(json, ",");
	add_number(json, "connections_max", (double)watch->connections_max, 0);
	buf_text(json, ",");
	add_text(json, "role", watch->connections < 0 ? "" : watch->is_replica ? "replica" : "primary");
	buf_text(json, "}");
}

static void add_redis(struct buf *json, const struct redis_watch *watch)
{
	if (!watch) {
		buf_text(json, "\"redis\":null");
		return;
	}
	buf_text(json, "\"redis\":{");
	add_health(json, &watch->watched);
	buf_text(json, ",");
	add_number(json, "memory_bytes", (double)watch->memory_bytes, 0);
	buf_text(json, ",");
	add_number(json, "memory_max_bytes", watch->memory_max_bytes > 0 ? (double)watch->memory_max_bytes : -1, 0);
	buf_text(json, ",");
	add_number(json, "evicted", (double)watch->evicted, 0);
	buf_text(json, ",");
	add_text(json, "role", watch->role);
	buf_text(json, ",");
	add_number(json, "clients", (double)watch->clients, 0);
	buf_text(json, "}");
}

static void add_nginx(struct buf *json, const struct nginx_watch *watch)
{
	if (!watch) {
		buf_text(json, "\"nginx\":null");
		return;
	}
	buf_text(json, "\"nginx\":{");
	add_health(json, &watch->watched);
	buf_text(json, ",");
	add_number(json, "active", (double)watch->active, 0);
	buf_text(json, ",");
	add_number(json, "requests_per_s", watch->requests_per_s, 1);
	buf_text(json, "}");
}

void view_health(const struct monitor *monitor, int64_t now_ms, struct buf *json)
{
	struct buf summary = {0};

	view_summary(monitor, now_ms, &summary);
	http_success_begin(json, NULL);
	buf_text(json, "{\"summary\":");
	buf_json_text(json, summary.bytes);
	buf_text(json, ",\"services\":[");
	for (size_t i = 0; i < monitor->instances_count; i++) {
		if (i)
			buf_text(json, ",");
		add_instance(json, monitor->instances[i], now_ms);
	}
	buf_text(json, "],");
	add_queue(json, monitor);
	buf_text(json, ",");
	add_postgres(json, monitor->postgres);
	buf_text(json, ",");
	add_redis(json, monitor->redis);
	buf_text(json, ",");
	add_nginx(json, monitor->nginx);
	buf_text(json, ",");
	add_time(json, "updated_at", monitor->updated_ms);
	buf_text(json, "}}");
	buf_free(&summary);
}

void health_show(struct http_request *req)
{
	const struct monitor *monitor = monitor_of(req);
	const char *strict = http_request_query(req, "strict");
	bool is_strict = strict && strcmp(strict, "0") != 0;
	struct buf json = {0};

	view_health(monitor, clock_unix_ms(), &json);
	http_reply_buf(req, is_strict && view_is_anything_down(monitor) ? 503 : 200, &json);
}

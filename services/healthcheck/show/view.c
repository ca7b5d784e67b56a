/* Written without a tree, because with 200 instances it is long and every reader gets it after each round. */
#include "show/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "watch/poll.h"
#include "watch/targets.h"

/* ---- members ---- */

void view_time(struct buf *json, const char *name, int64_t unix_ms)
{
	char text[CLOCK_TEXT_BYTES];

	if (unix_ms > 0)
		clock_format(unix_ms, text);
	json_write_member_text(json, name, unix_ms > 0 ? text : NULL);
}

void view_text(struct buf *json, const char *name, const char *text)
{
	json_write_member_text(json, name, *text ? text : NULL);
}

void view_number(struct buf *json, const char *name, double number, int decimals)
{
	json_write_key(json, name);
	if (number < 0)
		json_write_null(json);
	else
		buf_printf(json, "%.*f", decimals, number);
}

static void add_health(struct buf *json, const struct watched *watched, bool is_full)
{
	json_write_member_text(json, "status", health_name(watched->health));
	view_text(json, "reason", is_full ? watched->reason : "");
}

static bool is_down(const struct watched *watched)
{
	return watched->health == HEALTH_DOWN || watched->health == HEALTH_UNKNOWN;
}

/* ---- the summary ---- */

static void add_duration(struct buf *text, int64_t ms)
{
	long s = ms > 0 ? (long)(ms / 1000) : 0;

	if (s < 60)
		buf_printf(text, "%ld s", s);
	else if (s < 3600)
		buf_printf(text, "%ld min", s / 60);
	else if (s < 86400)
		buf_printf(text, "%ld h %ld min", s / 3600, s % 3600 / 60);
	else
		buf_printf(text, "%ld d %ld h", s / 86400, s % 86400 / 3600);
}

static void add_trouble(struct buf *text, const char *subject, enum health health, int64_t ms)
{
	buf_printf(text, "%s%s %s for ", text->len ? "; " : "", subject, health_name(health));
	add_duration(text, ms);
}

/* Unknown is shown as down. */
static bool is_shown_as(const struct watched *watched, enum health health)
{
	return strcmp(health_name(watched->health), health_name(health)) == 0;
}

/* "values: 1 of 2 down for 14 s", where the time is that of the one that changed first. */
static void summarize_service(const struct monitor *monitor, unsigned service, enum health health, int64_t now_ms,
			      struct buf *text)
{
	unsigned all = 0, such = 0;
	int64_t since_ms = now_ms;
	char subject[SERVICE_NAME_BYTES + 32];

	for (size_t i = 0; i < monitor->instances_count; i++) {
		const struct instance *instance = monitor->instances[i];

		if (instance->service != service)
			continue;
		all++;
		if (!is_shown_as(&instance->watched, health))
			continue;
		such++;
		if (instance->watched.since_ms < since_ms)
			since_ms = instance->watched.since_ms;
	}
	if (such == 0)
		return;
	snprintf(subject, sizeof subject, "%s: %u of %u", targets_service_name(monitor->targets, service), such, all);
	add_trouble(text, subject, health, now_ms - since_ms);
}

static void summarize_dependency(bool is_watched, const struct watched *watched, const char *name, enum health health,
				 int64_t now_ms, struct buf *text)
{
	if (is_watched && is_shown_as(watched, health))
		add_trouble(text, name, health, now_ms - watched->since_ms);
}

static void summarize(const struct monitor *monitor, enum health health, int64_t now_ms, struct buf *text)
{
	const struct postgres_readings *postgres = &monitor->postgres;
	const struct redis_readings *redis = &monitor->redis;
	const struct nginx_readings *nginx = &monitor->nginx;

	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		summarize_service(monitor, service, health, now_ms, text);
	summarize_dependency(postgres->is_watched, &postgres->watched, "Postgres", health, now_ms, text);
	summarize_dependency(redis->is_watched, &redis->watched, "Redis", health, now_ms, text);
	summarize_dependency(redis->has_queue && redis->queue.health != HEALTH_UNKNOWN, &redis->queue, "Queue", health, now_ms,
			     text);
	summarize_dependency(nginx->is_watched, &nginx->watched, "nginx", health, now_ms, text);
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
	return (monitor->postgres.is_watched && is_down(&monitor->postgres.watched)) ||
	       (monitor->redis.is_watched && is_down(&monitor->redis.watched)) ||
	       (monitor->nginx.is_watched && is_down(&monitor->nginx.watched));
}

/* ---- an event ---- */

void view_event(struct buf *json, const struct event_entry *entry)
{
	json_write_object(json);
	json_write_member_int(json, "id", entry->id);
	view_time(json, "at", entry->at_ms);
	json_write_member_text(json, "service", entry->service);
	json_write_member_text(json, "instance", entry->instance);
	json_write_member_text(json, "status", health_name(entry->health));
	json_write_member_text(json, "was", entry->was == HEALTH_UNKNOWN ? NULL : health_name(entry->was));
	view_text(json, "reason", entry->reason);
	view_number(json, "lasted_s", entry->ended_ms ? (double)(entry->ended_ms - entry->at_ms) / 1000 : -1, 1);
	view_time(json, "acknowledged_at", entry->acknowledged_ms);
	view_text(json, "acknowledged_by", entry->acknowledged_by);
	view_text(json, "note", entry->note);
	json_write_object_end(json);
}

/* ---- GET /healthcheck ---- */

static void add_notice(struct buf *json, const struct notice *notice, bool is_full)
{
	if (!notice->since_ms)
		return json_write_member_null(json, "notice");
	json_write_key(json, "notice");
	json_write_object(json);
	json_write_member_text(json, "text", notice->text);
	view_text(json, "by", is_full ? notice->by : "");
	view_time(json, "since", notice->since_ms);
	json_write_object_end(json);
}

static void add_readings(struct buf *json, const struct instance *instance, int64_t now_ms)
{
	double uptime_s = (double)now_ms / 1000 - instance->started_s;

	view_number(json, "cpu_percent", instance->cpu_percent, 1);
	view_number(json, "memory_bytes", instance->memory_bytes, 0);
	view_number(json, "uptime_s", instance->started_s < 0 ? -1 : uptime_s > 0 ? uptime_s : 0, 0);
	view_number(json, "response_ms", instance->response_ms, 2);
	view_text(json, "version", instance->version);
}

static void add_no_readings(struct buf *json)
{
	static const char *const names[] = {"cpu_percent", "memory_bytes", "uptime_s", "response_ms", "version"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_write_member_null(json, names[i]);
}

static void add_instance(struct buf *json, const struct instance *instance, bool is_full, int64_t now_ms)
{
	const struct watched *watched = &instance->watched;

	json_write_object(json);
	json_write_member_text(json, "name", watched->service);
	json_write_member_text(json, "instance", watched->instance);
	view_text(json, "address", is_full ? instance->address : "");
	add_health(json, watched, is_full);
	if (is_full)
		add_readings(json, instance, now_ms);
	else
		add_no_readings(json);
	view_time(json, "last_seen", watched->last_seen_ms);
	view_time(json, "down_since", is_down(watched) ? watched->since_ms : 0);
	json_write_object_end(json);
}

/* Whatever alarms read is shown to all (deploy/ecs/abacus.yaml). */
static void add_queue(struct buf *json, const struct monitor *monitor, bool is_full)
{
	const struct redis_readings *redis = &monitor->redis;

	if (!redis->is_watched)
		return json_write_member_null(json, "queue");
	json_write_key(json, "queue");
	json_write_object(json);
	view_number(json, "depth", redis->has_queue ? (double)redis->depth : -1, 0);
	view_number(json, "oldest_s", redis->has_queue ? redis->oldest_s : -1, 1);
	view_number(json, "per_s", is_full ? monitor_jobs_per_s(monitor) : -1, 1);
	view_number(json, "backlog", is_full && redis->has_queue ? (double)redis->backlog : -1, 0);
	view_number(json, "dead", redis->has_queue ? (double)redis->dead : -1, 0);
	json_write_object_end(json);
}

/* To a total the one of an instance; negative: not known. */
static void add_known(double *total, double of_instance)
{
	if (of_instance >= 0)
		*total = (*total < 0 ? 0 : *total) + of_instance;
}

/* users reports the same outbox from each instance, and each mailer what it has sent itself. */
static void add_mail(struct buf *json, const struct monitor *monitor, bool is_full)
{
	double waiting = -1, oldest_s = -1, sent = -1, failed = -1, sms_sent = -1, sms_failed = -1;

	for (size_t i = 0; i < monitor->instances_count && is_full; i++) {
		const struct instance *instance = monitor->instances[i];

		waiting = instance->mail_waiting > waiting ? instance->mail_waiting : waiting;
		oldest_s = instance->mail_oldest_s > oldest_s ? instance->mail_oldest_s : oldest_s;
		add_known(&sent, instance->mail_sent);
		add_known(&failed, instance->mail_failed);
		add_known(&sms_sent, instance->sms_sent);
		add_known(&sms_failed, instance->sms_failed);
	}
	if (waiting < 0 && sent < 0)
		return json_write_member_null(json, "mail");
	json_write_key(json, "mail");
	json_write_object(json);
	view_number(json, "waiting", waiting, 0);
	view_number(json, "oldest_s", oldest_s, 0);
	view_number(json, "sent", sent, 0);
	view_number(json, "failed", failed, 0);
	view_number(json, "sms_sent", sms_sent, 0);
	view_number(json, "sms_failed", sms_failed, 0);
	json_write_object_end(json);
}

static const struct postgres_readings no_postgres = {.connections = -1, .connections_max = -1};
static const struct redis_readings no_redis = {.memory_bytes = -1, .evicted = -1, .clients = -1};
static const struct nginx_readings no_nginx = {.active = -1, .requests_per_s = -1};

static void add_postgres(struct buf *json, const struct postgres_readings *postgres, bool is_full)
{
	const struct postgres_readings *shown = is_full ? postgres : &no_postgres;

	if (!postgres->is_watched)
		return json_write_member_null(json, "postgres");
	json_write_key(json, "postgres");
	json_write_object(json);
	add_health(json, &postgres->watched, is_full);
	view_number(json, "connections", (double)shown->connections, 0);
	view_number(json, "connections_max", (double)shown->connections_max, 0);
	view_text(json, "role", shown->connections < 0 ? "" : shown->is_replica ? "replica" : "primary");
	json_write_object_end(json);
}

static void add_redis(struct buf *json, const struct redis_readings *redis, bool is_full)
{
	const struct redis_readings *shown = is_full ? redis : &no_redis;

	if (!redis->is_watched)
		return json_write_member_null(json, "redis");
	json_write_key(json, "redis");
	json_write_object(json);
	add_health(json, &redis->watched, is_full);
	view_number(json, "memory_bytes", (double)shown->memory_bytes, 0);
	view_number(json, "memory_max_bytes", shown->memory_max_bytes > 0 ? (double)shown->memory_max_bytes : -1, 0);
	view_number(json, "evicted", (double)shown->evicted, 0);
	view_text(json, "role", shown->role);
	view_number(json, "clients", (double)shown->clients, 0);
	json_write_object_end(json);
}

static void add_nginx(struct buf *json, const struct nginx_readings *nginx, bool is_full)
{
	const struct nginx_readings *shown = is_full ? nginx : &no_nginx;

	if (!nginx->is_watched)
		return json_write_member_null(json, "nginx");
	json_write_key(json, "nginx");
	json_write_object(json);
	add_health(json, &nginx->watched, is_full);
	view_number(json, "active", (double)shown->active, 0);
	view_number(json, "requests_per_s", shown->requests_per_s, 1);
	json_write_object_end(json);
}

void view_health(const struct monitor *monitor, bool is_full, int64_t now_ms, struct buf *json)
{
	struct buf summary = {0};

	view_summary(monitor, now_ms, &summary);
	http_success_begin(json, NULL);
	json_write_object(json);
	json_write_member_text(json, "summary", summary.bytes);
	json_write_member_text(json, "detail", is_full ? "full" : "summary");
	add_notice(json, &monitor->notice, is_full);
	json_write_key(json, "services");
	json_write_array(json);
	for (size_t i = 0; i < monitor->instances_count; i++)
		add_instance(json, monitor->instances[i], is_full, now_ms);
	json_write_array_end(json);
	add_queue(json, monitor, is_full);
	add_mail(json, monitor, is_full);
	add_postgres(json, &monitor->postgres, is_full);
	add_redis(json, &monitor->redis, is_full);
	add_nginx(json, &monitor->nginx, is_full);
	view_time(json, "updated_at", monitor->updated_ms);
	json_write_object_end(json);
	json_write_object_end(json);
	buf_free(&summary);
}

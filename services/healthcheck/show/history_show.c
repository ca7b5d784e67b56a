/* What was, as JSON: GET /healthcheck/history?service=&minutes= and GET /healthcheck/events. */
#include "service.h"

#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/json.h"

#define MINUTES_DEFAULT 15
#define POINTS_MIN 30 /* of an instance, however many there are */

/* ---- history ---- */

static void add_known(struct buf *json, const char *name, double number, int decimals)
{
	if (number < 0)
		buf_printf(json, ",\"%s\":null", name);
	else
		buf_printf(json, ",\"%s\":%.*f", name, decimals, number);
}

static void add_point(struct buf *json, const struct history_point *point)
{
	char at[CLOCK_TEXT_BYTES];

	clock_format(point->at_ms, at);
	buf_printf(json, "{\"at\":\"%s\",\"status\":\"%s\"", at, health_name(point->health));
	add_known(json, "cpu_percent", point->cpu_percent, 1);
	add_known(json, "memory_bytes", point->memory_bytes, 0);
	add_known(json, "response_ms", point->response_ms, 1);
	buf_text(json, "}");
}

static void add_instance(struct buf *json, const struct instance *instance, int minutes, size_t step)
{
	static struct history_point points[HISTORY_POINTS_MAX];
	size_t count = history_points(&instance->monitor->history, instance->samples, minutes, step, clock_unix_ms(), points);

	buf_printf(json, "{\"instance\":\"%s\",\"points\":[", instance->watched.instance);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_text(json, ",");
		add_point(json, &points[i]);
	}
	buf_text(json, "]}");
}

static size_t points_each(const struct monitor *monitor, int service)
{
	size_t instances = 0, points;

	for (size_t i = 0; i < monitor->instances_count; i++)
		instances += monitor->instances[i]->target->service == (unsigned)service;
	points = instances ? HISTORY_POINTS_ALL_MAX / instances : HISTORY_POINTS_MAX;
	return points > HISTORY_POINTS_MAX ? HISTORY_POINTS_MAX : points < POINTS_MIN ? POINTS_MIN : points;
}

static void reply_history(struct http_request *req, int service, int minutes)
{
	const struct monitor *monitor = monitor_of(req);
	size_t step = history_step(&monitor->history, minutes, points_each(monitor, service));
	struct buf json = {0};
	bool is_first = true;

	http_success_begin(&json, NULL);
	buf_printf(&json, "{\"service\":\"%s\",\"minutes\":%d,\"interval_s\":%g,\"instances\":[",
		   monitor->targets.services[service], minutes, (double)step * (double)monitor->config->interval_ms / 1000);
	for (size_t i = 0; i < monitor->instances_count; i++) {
		if (monitor->instances[i]->target->service != (unsigned)service)
			continue;
		if (!is_first)
			buf_text(&json, ",");
		add_instance(&json, monitor->instances[i], minutes, step);
		is_first = false;
	}
	buf_text(&json, "]}}");
	http_reply_buf(req, 200, &json);
}

void history_show(struct http_request *req)
{
	const char *name = http_request_query(req, "service"), *minutes_text = http_request_query(req, "minutes");
	int service = name ? targets_service(&monitor_of(req)->targets, name) : -1;
	int64_t minutes = MINUTES_DEFAULT;
	cJSON *errors = NULL;

	if (!name)
		errors = http_errors_add(errors, "service", "must be there");
	if (minutes_text && (int64_parse(minutes_text, &minutes) != STATUS_OK || minutes < 1 || minutes > HISTORY_MINUTES))
		errors = http_errors_add(errors, "minutes", "must be a whole number from 1 to 60");
	if (errors)
		return http_reply_invalid(req, errors);
	if (service < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such service.");
	reply_history(req, service, (int)minutes);
}

/* ---- events ---- */

static void add_event(struct buf *json, const struct event_entry *entry)
{
	char at[CLOCK_TEXT_BYTES];

	clock_format(entry->at_ms, at);
	buf_printf(json, "{\"at\":\"%s\",\"service\":\"%s\",\"instance\":\"%s\",\"status\":\"%s\",\"was\":", at, entry->service,
		   entry->instance, health_name(entry->health));
	buf_json_text(json, entry->was == HEALTH_UNKNOWN ? NULL : health_name(entry->was));
	buf_text(json, ",\"reason\":");
	buf_json_text(json, *entry->reason ? entry->reason : NULL);
	add_known(json, "lasted_s", entry->ended_ms ? (double)(entry->ended_ms - entry->at_ms) / 1000 : -1, 1);
	buf_text(json, "}");
}

void events_show(struct http_request *req)
{
	const struct events *events = &monitor_of(req)->events;
	uint64_t count = events->count < EVENTS_MAX ? events->count : EVENTS_MAX;
	struct buf json = {0};

	http_success_begin(&json, NULL);
	buf_text(&json, "{\"events\":[");
	for (uint64_t i = 0; i < count; i++) {
		if (i)
			buf_text(&json, ",");
		add_event(&json, &events->ring[(events->count - 1 - i) % EVENTS_MAX]);
	}
	buf_text(&json, "]}}");
	http_reply_buf(req, 200, &json);
}

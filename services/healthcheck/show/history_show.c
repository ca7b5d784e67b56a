/* GET /healthcheck/history?service=&minutes=: points of each instance of a service. */
#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/range.h"
#include "show/view.h"
#include "watch/targets.h"

#define POINTS_MIN 30 /* of each instance, however many instances there are */

static void add_point(struct buf *json, const struct history_point *point)
{
	json_write_object(json);
	view_time(json, "at", point->at_ms);
	json_write_member_text(json, "status", health_name(point->health));
	view_number(json, "cpu_percent", point->cpu_percent, 1);
	view_number(json, "memory_bytes", point->memory_bytes, 0);
	view_number(json, "response_ms", point->response_ms, 1);
	json_write_object_end(json);
}

static void add_instance(struct buf *json, const struct instance *instance, const struct range *range, size_t points_max)
{
	static struct history_point points[HISTORY_POINTS_MAX];
	const struct history *history = &instance->monitor->history;
	int64_t now_ms = clock_unix_ms();
	size_t count = range->is_day
			       ? history_day_points(history, instance->samples, range->minutes, now_ms, points, points_max)
			       : history_points(history, instance->samples, range->minutes, now_ms, points, points_max);

	json_write_object(json);
	json_write_member_text(json, "instance", instance->watched.instance);
	json_write_key(json, "points");
	json_write_array(json);
	for (size_t i = 0; i < count; i++)
		add_point(json, &points[i]);
	json_write_array_end(json);
	json_write_object_end(json);
}

/* At most HISTORY_POINTS_MAX. */
static size_t points_each(const struct monitor *monitor, unsigned service)
{
	size_t instances = 0, points;

	for (size_t i = 0; i < monitor->instances_count; i++)
		instances += monitor->instances[i]->service == service;
	points = instances ? HISTORY_POINTS_ALL_MAX / instances : HISTORY_POINTS_MAX;
	return points > HISTORY_POINTS_MAX ? HISTORY_POINTS_MAX : points < POINTS_MIN ? POINTS_MIN : points;
}

static void reply_history(struct http_request *req, unsigned service, const struct range *range)
{
	const struct monitor *monitor = monitor_of(req);
	size_t points_max = points_each(monitor, service);
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_member_text(&json, "service", targets_service_name(monitor->targets, service));
	range_add(&json, monitor, range, points_max);
	json_write_key(&json, "instances");
	json_write_array(&json);
	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->service == service)
			add_instance(&json, monitor->instances[i], range, points_max);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

void history_show(struct http_request *req)
{
	const char *name = http_request_query(req, "service");
	int service = name ? targets_service(monitor_of(req)->targets, name) : -1;
	cJSON *errors = NULL;
	struct range range;

	if (!name)
		errors = http_errors_add(errors, "service", "must be there");
	errors = range_read(req, errors, &range);
	if (errors)
		return http_reply_invalid(req, errors);
	if (service < 0)
		return http_reply_fail(req, 404, "not_found", "There is no such service.");
	reply_history(req, (unsigned)service, &range);
}

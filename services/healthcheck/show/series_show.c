/* GET /healthcheck/queue/history?minutes=: how long the queue was, and what waited behind it.
 * GET /healthcheck/requests/history?service=&method=&route=&minutes=: how often a route was asked, and how long it took. */
#include "base/clock.h"
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/range.h"
#include "show/view.h"
#include "watch/targets.h"

struct figure {
	const char *name;
	int decimals;
};
static const struct figure figures_of_queue[SERIES_FIGURES] = {
	[QUEUE_DEPTH] = {"depth", 0},
	[QUEUE_BACKLOG] = {"backlog", 0},
	[QUEUE_PER_S] = {"per_s", 1},
	[QUEUE_OLDEST_S] = {"oldest_s", 1},
};
static const struct figure figures_of_route[SERIES_FIGURES] = {
	[ROUTE_PER_S] = {"per_s", 3},
	[ROUTE_ERRORS_PER_S] = {"errors_per_s", 3},
	[ROUTE_P50_MS] = {"p50_ms", 1},
	[ROUTE_P99_MS] = {"p99_ms", 1},
};

static void add_point(struct buf *json, const struct figure *figures, const struct series_point *point)
{
	json_write_object(json);
	view_time(json, "at", point->at_ms);
	for (int i = 0; i < SERIES_FIGURES; i++)
		view_number(json, figures[i].name, (double)point->figures.of[i], figures[i].decimals);
	json_write_object_end(json);
}

/* series NULL: there are none. */
static void add_points(struct buf *json, const struct history *history, const struct figures *series, const struct range *range,
		       const struct figure *figures)
{
	static struct series_point points[HISTORY_POINTS_MAX];
	int64_t now_ms = clock_unix_ms();
	size_t count = 0;

	if (series)
		count = range->is_day ? series_day_points(history, series, range->minutes, now_ms, points, HISTORY_POINTS_MAX)
				      : series_points(history, series, range->minutes, now_ms, points, HISTORY_POINTS_MAX);

	json_write_key(json, "points");
	json_write_array(json);
	for (size_t i = 0; i < count; i++)
		add_point(json, figures, &points[i]);
	json_write_array_end(json);
}

static void reply(struct http_request *req, const struct figures *series, const struct range *range,
		  const struct figure *figures)
{
	const struct monitor *monitor = monitor_of(req);
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	range_add(&json, monitor, range, HISTORY_POINTS_MAX);
	add_points(&json, &monitor->history, series, range, figures);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

void queue_history_show(struct http_request *req)
{
	struct range range;
	cJSON *errors = range_read(req, NULL, &range);

	if (errors)
		return http_reply_invalid(req, errors);
	reply(req, monitor_of(req)->queue, &range, figures_of_queue);
}

static const char *read_name(struct http_request *req, const char *name, cJSON **errors)
{
	const char *text = http_request_query(req, name);

	if (!text)
		*errors = http_errors_add(*errors, name, "must be there");
	return text;
}

/* false: there is no such route, or it was not asked within a day. */
static bool find_route(const struct monitor *monitor, const char *service, const char *method, const char *route,
		       const struct figures **series)
{
	int number = targets_service(monitor->targets, service);
	int at = number < 0 ? -1 : requests_find(&monitor->requests[number], method, route);

	if (at >= 0)
		*series = monitor->requests[number].series[at];
	return at >= 0;
}

void requests_history_show(struct http_request *req)
{
	cJSON *errors = NULL;
	const char *service = read_name(req, "service", &errors), *method = read_name(req, "method", &errors),
		   *route = read_name(req, "route", &errors);
	const struct figures *series;
	struct range range;

	errors = range_read(req, errors, &range);
	if (errors)
		return http_reply_invalid(req, errors);
	if (!find_route(monitor_of(req), service, method, route, &series))
		return http_reply_fail(req, 404, "not_found", "No such route was asked within a day.");
	reply(req, series, &range, figures_of_route);
}

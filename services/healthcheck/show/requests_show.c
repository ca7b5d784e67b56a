/* GET /healthcheck/requests: what each route of each service has answered in about the last minute. */
#include "base/clock.h"
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/view.h"
#include "watch/targets.h"

static void add_route(struct buf *json, const struct route_rate *rate)
{
	json_write_object(json);
	json_write_member_text(json, "method", rate->method);
	json_write_member_text(json, "route", rate->path);
	view_number(json, "per_s", rate->per_s, 3);
	view_number(json, "errors_per_s", rate->errors_per_s, 3);
	view_number(json, "p50_ms", rate->p50_ms, 1);
	view_number(json, "p99_ms", rate->p99_ms, 1);
	json_write_object_end(json);
}

static void add_service(struct buf *json, const struct monitor *monitor, unsigned service)
{
	const struct request_rates *rates = &monitor->requests[service];
	int64_t now_us = clock_monotonic_us();

	json_write_object(json);
	json_write_member_text(json, "service", targets_service_name(monitor->targets, service));
	json_write_key(json, "routes");
	json_write_array(json);
	for (size_t i = 0; i < rates->sums.count; i++) {
		struct route_rate rate = requests_rate(rates, i, now_us);

		if (rate.per_s >= REQUESTS_PER_S_LEAST)
			add_route(json, &rate);
	}
	json_write_array_end(json);
	json_write_object_end(json);
}

void requests_show(struct http_request *req)
{
	const struct monitor *monitor = monitor_of(req);
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "services");
	json_write_array(&json);
	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		if (monitor->requests[service].sums.count > 0)
			add_service(&json, monitor, service);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

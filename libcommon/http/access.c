#include "http/server_internal.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "trace/span.h"

static const int codes[] = {101, 200, 201, 202, 204, 304, 308, 400, 401, 403, 404, 405, 409, 413,
			    414, 415, 417, 422, 426, 429, 431, 499, 500, 501, 503, 504, 505};
#define CODES (sizeof codes / sizeof *codes)
#define ROUTES_MAX 64

/* The series of each route of the daemon's table; the last is for what matched none. */
static struct {
	const struct http_route *routes;
	size_t count;
	struct {
		struct metric *by_code[CODES], *seconds;
	} of[ROUTES_MAX + 1];
} route_metrics;

static void register_route(size_t at, const char *method, const char *path)
{
	struct buf labels = {0};

	for (size_t i = 0; i <= CODES; i++) {
		char code[8];

		labels.len = 0;
		metrics_label(&labels, "method", method);
		buf_text(&labels, ",");
		metrics_label(&labels, "route", path);
		if (i == CODES)
			break;
		snprintf(code, sizeof code, "%d", codes[i]);
		buf_text(&labels, ",");
		metrics_label(&labels, "code", code);
		route_metrics.of[at].by_code[i] =
			metrics_counter("http_requests_total", labels.bytes, "Requests answered, by route and status code.");
	}
	route_metrics.of[at].seconds = metrics_histogram("http_request_duration_seconds", labels.bytes,
							 "Time from a request read whole to its reply.");
	buf_free(&labels);
}

void http_access_register_metrics(const struct http_route *routes)
{
	route_metrics.routes = routes;
	for (; routes[route_metrics.count].method && route_metrics.count < ROUTES_MAX; route_metrics.count++)
		register_route(route_metrics.count, routes[route_metrics.count].method, routes[route_metrics.count].path);
	register_route(route_metrics.count, "any", "other");
}

static void count_at(size_t at, int code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i] == code)
			metrics_add(route_metrics.of[at].by_code[i], 1);
}

static void count(const struct http_request *req, int code, double seconds)
{
	size_t at = req->route ? (size_t)(req->route - route_metrics.routes) : route_metrics.count;

	if (!route_metrics.routes || req->server->routes != route_metrics.routes)
		return;
	count_at(at, code);
	metrics_observe_traced(route_metrics.of[at].seconds, seconds, trace_sampled_id(&req->trace));
}

/* Named by the route, because a path has ids in it (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). */
static void record_span(const struct http_request *req, int code)
{
	const char *route = req->route ? req->route->path : "other";
	struct buf name = {0};

	buf_printf(&name, "%s %s", req->method, route);
	trace_span_record(&req->trace, &(struct trace_span){.name = name.bytes,
							    .kind = TRACE_SERVER,
							    .started_us = req->started_us,
							    .ended_us = req->server->now_us,
							    .has_failed = code >= 500,
							    .attributes = (const struct trace_attribute[]){
								    {"http.request.method", req->method, 0},
								    {"http.route", route, 0},
								    {"http.response.status_code", NULL, code},
								    {"abacus.request_id", req->id, 0},
								    {0},
							    }});
	buf_free(&name);
}

void http_access_record(struct http_request *req, int code, size_t bytes)
{
	double ms;

	req->server->now_us = clock_monotonic_us();
	if (req->server->is_quiet)
		return;
	ms = (double)(req->server->now_us - req->started_us) / 1000;
	count(req, code, ms / 1000);
	if (req->trace.is_sampled)
		record_span(req, code);
	log_line(LOG_INFO, "request", LOG_TEXT("request_id", req->id), LOG_TEXT("trace_id", trace_logged_id(&req->trace)),
		 LOG_TEXT("method", req->method), LOG_TEXT("route", req->route ? req->route->path : "other"),
		 LOG_INT("status", code), LOG_MS("duration_ms", ms), LOG_INT("bytes", (int64_t)bytes),
		 LOG_INT("user_id", req->user_id), LOG_TEXT("remote_ip", http_request_remote_ip(req)));
}

void http_access_record_refusal(const struct http_request *req, const struct http_rule *rule)
{
	if (req->server->is_quiet)
		return;
	if (req->server->routes == route_metrics.routes)
		count_at(route_metrics.count, rule->code);
	log_line(LOG_INFO, "refused", LOG_TEXT("request_id", req->id), LOG_TEXT("trace_id", trace_logged_id(&req->trace)),
		 LOG_INT("status", rule->code), LOG_TEXT("rule", rule->section), LOG_TEXT("reason", rule->message),
		 LOG_TEXT("remote_ip", req->conn->peer));
}

#include "watch/nginx_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/client.h"
#include "monitor.h"
#include "service.h"
#include "watch/parse.h"

#define BYTES_MAX 4096
#define START_ROUNDS 5 /* nginx is started last, by scripts/stack and Compose */

struct nginx_watch {
	struct monitor *monitor;
	struct scope scope;
	bool is_asked;
	int64_t requests; /* since nginx started, as of counted_us; negative: not known */
	int64_t counted_us;
};

static double rate(const struct nginx_watch *watch, int64_t requests, int64_t now_us)
{
	if (watch->requests < 0 || requests < watch->requests || now_us <= watch->counted_us)
		return -1;
	return (double)(requests - watch->requests) * 1e6 / (double)(now_us - watch->counted_us);
}

static void forget_readings(struct nginx_watch *watch)
{
	watch->requests = -1;
	watch->monitor->nginx.active = -1;
	watch->monitor->nginx.requests_per_s = -1;
}

/* nginx that has never answered may still be starting, like the whole system. It is shown as down, without an event. */
static bool is_starting(const struct monitor *monitor)
{
	return monitor->nginx.watched.health == HEALTH_UNKNOWN && monitor->history.round <= START_ROUNDS;
}

static void failed(struct nginx_watch *watch, const char *reason)
{
	struct watched *watched = &watch->monitor->nginx.watched;

	forget_readings(watch);
	if (is_starting(watch->monitor))
		snprintf(watched->reason, sizeof watched->reason, "%s", reason);
	else
		monitor_note(watch->monitor, watched, HEALTH_DOWN, reason);
}

static void answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct nginx_watch *watch = arg;
	struct nginx_readings *readings = &watch->monitor->nginx;
	char problem[REASON_BYTES];
	int64_t requests, now_us = clock_monotonic_us();

	watch->is_asked = false;
	if (status != STATUS_OK)
		return failed(watch, reason);
	snprintf(problem, sizeof problem, "its status page answered %d", response->code);
	if (response->code != 200)
		return failed(watch, problem);
	if (parse_stub_status(response->body, &readings->active, &requests) != STATUS_OK)
		return failed(watch, "that is no stub_status page");
	if (requests < watch->requests && readings->watched.health == HEALTH_UP)
		monitor_note_restart(watch->monitor, &readings->watched);
	readings->requests_per_s = rate(watch, requests, now_us);
	watch->requests = requests;
	watch->counted_us = now_us;
	monitor_note(watch->monitor, &readings->watched, HEALTH_UP, "");
}

void nginx_watch_ask(struct nginx_watch *watch)
{
	const struct healthcheck_config *config;

	if (!watch || watch->is_asked)
		return;
	config = watch->monitor->config;
	watch->is_asked = true;
	http_client_get(watch->monitor->client, &watch->scope, config->nginx_url, config->timeout_ms, BYTES_MAX, answered,
			watch);
}

struct nginx_watch *nginx_watch_new(struct monitor *monitor)
{
	struct nginx_watch *watch = mem_alloc(sizeof *watch);

	watch->monitor = monitor;
	monitor->nginx = (struct nginx_readings){
		.is_watched = true,
		.watched = {.service = "nginx", .instance = "nginx", .reason = "not asked yet", .since_ms = clock_unix_ms()},
	};
	forget_readings(watch);
	scope_init(&watch->scope);
	return watch;
}

void nginx_watch_free(struct nginx_watch *watch)
{
	if (!watch)
		return;
	scope_cancel(&watch->scope);
	free(watch);
}

/* nginx, by its stub_status: does it answer, with how many connections, how many requests. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define BYTES_MAX 4096

static void set_rate(struct nginx_watch *watch, int64_t requests)
{
	int64_t now_us = clock_monotonic_us();

	watch->requests_per_s = watch->requests >= 0 && requests >= watch->requests && now_us > watch->counted_us
					? (double)(requests - watch->requests) * 1e6 / (double)(now_us - watch->counted_us)
					: -1;
	watch->requests = requests;
	watch->counted_us = now_us;
}

static void failed(struct nginx_watch *watch, const char *reason)
{
	watch->active = watch->requests = -1;
	watch->requests_per_s = -1;
	monitor_note(watch->monitor, &watch->watched, HEALTH_DOWN, reason);
}

static void answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct nginx_watch *watch = arg;
	char problem[REASON_BYTES];
	int64_t requests;

	watch->is_asked = false;
	if (status != STATUS_OK)
		return failed(watch, reason);
	snprintf(problem, sizeof problem, "its status page answered %d", response->code);
	if (response->code != 200)
		return failed(watch, problem);
	if (parse_stub_status(response->body, &watch->active, &requests) != STATUS_OK)
		return failed(watch, "that is no stub_status page");
	if (requests < watch->requests && watch->watched.health == HEALTH_UP)
		monitor_note_restart(watch->monitor, &watch->watched);
	set_rate(watch, requests);
	monitor_note(watch->monitor, &watch->watched, HEALTH_UP, "");
}

void nginx_watch_ask(struct nginx_watch *watch)
{
	const struct healthcheck_config *config = watch->monitor->config;

	if (watch->is_asked)
		return;
	watch->is_asked = true;
	http_client_get(watch->monitor->client, &watch->scope, config->nginx_url, config->timeout_ms, BYTES_MAX, answered,
			watch);
}

struct nginx_watch *nginx_watch_new(struct monitor *monitor)
{
	struct nginx_watch *watch = mem_alloc(sizeof *watch);

	watch->monitor = monitor;
	watch->watched = (struct watched){.service = "nginx", .instance = "nginx", .reason = "not asked yet"};
	watch->active = watch->requests = -1;
	watch->requests_per_s = -1;
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

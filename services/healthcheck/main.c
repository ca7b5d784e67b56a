/* The healthcheck daemon: asks every instance of every service, Postgres, Redis and nginx, and shows their state. */
#include "service.h"

#include "base/log.h"
#include "http/access.h"
#include "monitor.h"
#include "show/stream.h"
#include "watch/poll.h"

#define REQUESTS_MAX 64 /* two to each of 32 instances that all hang; a request beyond it may find no descriptor */

static struct monitor *monitor; /* of this process */

static void register_metrics(void)
{
	http_access_register_metrics(healthcheck_routes);
	poll_register_metrics();
	stream_register_metrics();
}

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	const struct healthcheck_config *config = &healthcheck_config;

	if (daemon_processes(daemon) > 1)
		log_line(LOG_WARN,
			 "with several processes each watches for itself, and answers differ: start a second instance instead");
	monitor = monitor_new(base, config);
	monitor->http = http_server_new(base, &config->http, healthcheck_routes, monitor);
	*ret_service = monitor;
	return http_server_listen(monitor->http);
}

/* Always ready, because it has to report what is down, whatever that is. */
static bool is_ready(void *service, const char **ret_reason)
{
	return true;
}

static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	http_server_drain(monitor->http, drained, arg);
}

static void stop(void *service)
{
	http_server_free(monitor->http);
	monitor_free(monitor);
	monitor = NULL;
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "healthcheck",
		.summary = "asks every instance of every service for its health, and shows it",
		.admin_port = 9003,
		.requests_max = REQUESTS_MAX,
		.configs = healthcheck_configs,
		.check = healthcheck_check,
		.register_metrics = register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}

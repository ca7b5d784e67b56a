/* The healthcheck daemon: asks every instance of every service, Postgres, Redis and nginx, and shows their state. */
#include "service.h"

#include "auth/introspection.h"
#include "base/log.h"
#include "http/access.h"
#include "monitor.h"
#include "show/audience.h"
#include "show/stream.h"
#include "watch/poll.h"

#define POLLS_MAX 64 /* two to each of 32 instances that all hang; a request beyond it may find no descriptor */
#define QUESTIONS_MAX (INTROSPECTION_IN_FLIGHT_MAX + INTROSPECTION_TRUSTED)
#define PRIVATE_MAX (HEALTHCHECK_PRIVATE_CONNECTIONS + 3) /* the listener, its reserve, a connection that it refuses */

static struct monitor *monitor; /* of this process */
static struct listener for_all, for_operators;
static struct http_server *http, *private_http; /* private_http: NULL without DASHBOARD_PORT */

static struct {
	void (*drained)(void *arg);
	void *arg;
} draining;

static void register_metrics(void)
{
	http_access_register_metrics(healthcheck_routes);
	poll_register_metrics();
	stream_register_metrics();
}

static long descriptors(void)
{
	return POLLS_MAX + (healthcheck_config.users_url ? QUESTIONS_MAX : 0) +
	       (healthcheck_config.private_http.port > 0 ? PRIVATE_MAX : 0);
}

static struct http_server *server_new(struct event_base *base, const struct http_config *config, struct listener *listener)
{
	struct http_server *server = http_server_new(base, config, healthcheck_routes, listener);

	http_server_set_auth(server, audience_admit);
	return server;
}

/* The port may be another program's: then the dashboard is where it is in production, at the service's own port. */
static void listen_for_operators(struct event_base *base, const struct http_config *config)
{
	for_operators = (struct listener){monitor, true};
	private_http = server_new(base, config, &for_operators);
	if (http_server_listen(private_http) == STATUS_OK)
		return;
	log_line(LOG_WARN, "DASHBOARD_PORT is taken, so nothing answers there", LOG_INT("port", config->port));
	http_server_free(private_http);
	private_http = NULL;
}

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	const struct healthcheck_config *config = &healthcheck_config;

	if (daemon_processes(daemon) > 1)
		log_line(LOG_WARN,
			 "with several processes each watches for itself, and answers differ: start a second instance instead");
	monitor = monitor_new(base, config);
	for_all = (struct listener){monitor, false};
	http = server_new(base, &config->http, &for_all);
	if (config->private_http.port > 0)
		listen_for_operators(base, &config->private_http);
	*ret_service = monitor;
	return http_server_listen(http);
}

/* Always ready, because it has to report what is down, whatever that is. */
static bool is_ready(void *service, const char **ret_reason)
{
	return true;
}

static void drain_private(void *arg)
{
	if (private_http)
		http_server_drain(private_http, draining.drained, draining.arg);
	else
		draining.drained(draining.arg);
}

/* Flow: drain -> drain_private -> drained. */
static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	draining.drained = drained;
	draining.arg = arg;
	http_server_drain(http, drain_private, NULL);
}

static void stop(void *service)
{
	http_server_free(http);
	if (private_http)
		http_server_free(private_http);
	monitor_free(monitor);
	monitor = NULL;
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "healthcheck",
		.summary = "asks every instance of every service for its health, and shows it",
		.admin_port = 9003,
		.configs = healthcheck_configs,
		.check = healthcheck_check,
		.descriptors = descriptors,
		.register_metrics = register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}

#include "monitor.h"

#include <event2/event.h>
#include <stdlib.h>

#include "auth/introspection.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "http/client.h"
#include "service.h"
#include "show/stream.h"
#include "watch/poll.h"
#include "watch/targets.h"

#define SOON_MS 50 /* when a dependency goes down, several instances change at almost the same time */

static void publish(void *arg)
{
	struct monitor *monitor = arg;

	monitor->is_published = true;
	monitor->updated_ms = clock_unix_ms();
	loop_timer_stop(monitor->soon);
	streams_publish(monitor->streams);
}

void monitor_publish_soon(struct monitor *monitor)
{
	if (monitor->updated_ms > 0 && !loop_timer_is_running(monitor->soon))
		loop_timer_start(monitor->soon, SOON_MS);
}

void monitor_note(struct monitor *monitor, struct watched *watched, enum health health, const char *reason)
{
	enum health was = watched->health;

	if (!events_note(&monitor->events, watched, health, reason, clock_unix_ms()))
		return;
	if (was != HEALTH_UNKNOWN || health != HEALTH_UP)
		log_line(health == HEALTH_UP ? LOG_INFO : LOG_WARN, "health changed", LOG_TEXT("of", watched->instance),
			 LOG_TEXT("status", health_name(health)), LOG_TEXT("was", health_name(was)),
			 LOG_TEXT("reason", reason));
	monitor_publish_soon(monitor);
}

void monitor_note_restart(struct monitor *monitor, struct watched *watched)
{
	events_note_restart(&monitor->events, watched, clock_unix_ms());
	log_line(LOG_WARN, "restarted between two rounds", LOG_TEXT("of", watched->instance));
	monitor_publish_soon(monitor);
}

/* Until then it would be shown as down. */
static bool is_any_dependency_unknown(const struct monitor *monitor)
{
	return (monitor->postgres.is_watched && monitor->postgres.watched.health == HEALTH_UNKNOWN) ||
	       (monitor->redis.is_watched && monitor->redis.watched.health == HEALTH_UNKNOWN) ||
	       (monitor->nginx.is_watched && monitor->nginx.watched.health == HEALTH_UNKNOWN);
}

void monitor_answered(struct monitor *monitor)
{
	if (poll_is_idle(monitor->poll) && !is_any_dependency_unknown(monitor))
		publish(monitor);
}

void monitor_round_ends(struct monitor *monitor)
{
	if (!monitor->is_published && monitor->history.round > 0)
		publish(monitor);
	monitor->is_published = false;
}

struct monitor *monitor_new(struct event_base *base, const struct healthcheck_config *config)
{
	struct monitor *monitor = mem_alloc(sizeof *monitor);
	char problem[400];

	monitor->base = base;
	monitor->config = config;
	history_init(&monitor->history, config->interval_ms);
	monitor->client = http_client_new(base);
	monitor->introspection = introspection_new(base, config->users_url);
	monitor->soon = loop_timer_new(base, publish, monitor);
	monitor->streams = streams_new(monitor);
	monitor->poll = poll_new(monitor);
	if (targets_parse(config->targets, &monitor->targets, problem, sizeof problem) != STATUS_OK)
		abort(); /* config.c has checked them */
	monitor->requests = mem_alloc(targets_services_count(monitor->targets) * sizeof *monitor->requests);
	targets_start(monitor->targets, monitor);
	if (config->postgres.url)
		monitor->postgres_watch = postgres_watch_new(monitor);
	if (config->watches_redis)
		monitor->redis_watch = redis_watch_new(monitor);
	if (config->nginx_url)
		monitor->nginx_watch = nginx_watch_new(monitor);
	poll_start(monitor->poll);
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	nginx_watch_free(monitor->nginx_watch);
	redis_watch_free(monitor->redis_watch);
	postgres_watch_free(monitor->postgres_watch);
	poll_free(monitor->poll);
	targets_free(monitor->targets);
	introspection_free(monitor->introspection);
	http_client_free(monitor->client);
	event_base_loop(monitor->base, EVLOOP_NONBLOCK); /* frees the look-ups that were in flight: http/client.h */
	streams_free(monitor->streams);
	loop_timer_free(monitor->soon);
	free(monitor->requests);
	free(monitor);
}

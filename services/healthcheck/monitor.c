/* All that one process watches, and when those who watch it in turn are told: once a round, when all have answered, and soon
 * after somebody's health has changed. */
#include "service.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define SOON_US 50000 /* a dependency's end changes several at once */

static void publish(struct monitor *monitor)
{
	monitor->is_told = true;
	monitor->updated_ms = clock_unix_ms();
	event_del(monitor->soon);
	streams_publish(monitor->streams);
}

static void soon_due(evutil_socket_t fd, short what, void *arg)
{
	publish(arg);
}

static void publish_soon(struct monitor *monitor)
{
	if (monitor->updated_ms > 0 && !event_pending(monitor->soon, EV_TIMEOUT, NULL))
		event_add(monitor->soon, &(struct timeval){.tv_usec = SOON_US});
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
	publish_soon(monitor);
}

void monitor_note_restart(struct monitor *monitor, struct watched *watched)
{
	events_note_restart(&monitor->events, watched, clock_unix_ms());
	log_line(LOG_WARN, "restarted between two rounds", LOG_TEXT("of", watched->instance));
	publish_soon(monitor);
}

void monitor_answered(struct monitor *monitor)
{
	if (poll_is_idle(monitor->poll))
		publish(monitor);
}

void monitor_round_ends(struct monitor *monitor)
{
	if (!monitor->is_told && monitor->history.round > 0)
		publish(monitor);
	monitor->is_told = false;
}

struct monitor *monitor_new(struct event_base *base, const struct healthcheck_config *config)
{
	struct monitor *monitor = mem_alloc(sizeof *monitor);
	char problem[400];

	monitor->base = base;
	monitor->config = config;
	scope_init(&monitor->scope);
	history_init(&monitor->history, config->interval_ms);
	monitor->client = http_client_new(base);
	monitor->soon = event_new(base, -1, 0, soon_due, monitor);
	event_priority_set(monitor->soon, LOOP_PRIORITY_NORMAL);
	monitor->streams = streams_new(monitor);
	monitor->poll = poll_new(monitor);
	if (targets_parse(config->targets, &monitor->targets, problem, sizeof problem) != STATUS_OK)
		abort(); /* config.c has parsed them before */
	targets_start(monitor);
	if (config->postgres.url)
		monitor->postgres = postgres_watch_new(monitor);
	if (config->watches_redis)
		monitor->redis = redis_watch_new(monitor);
	if (config->nginx_url)
		monitor->nginx = nginx_watch_new(monitor);
	poll_start(monitor->poll);
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	scope_cancel(&monitor->scope);
	nginx_watch_free(monitor->nginx);
	redis_watch_free(monitor->redis);
	postgres_watch_free(monitor->postgres);
	poll_free(monitor->poll);
	targets_free(monitor);
	http_client_free(monitor->client);
	event_base_loop(monitor->base, EVLOOP_NONBLOCK); /* names that were being looked up */
	streams_free(monitor->streams);
	event_free(monitor->soon);
	free(monitor);
}

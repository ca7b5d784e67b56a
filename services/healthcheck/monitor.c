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

double monitor_jobs_per_s(const struct monitor *monitor)
{
	double sum = -1;

	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->jobs_per_s >= 0)
			sum = (sum < 0 ? 0 : sum) + monitor->instances[i]->jobs_per_s;
	return sum;
}

void monitor_record_queue(struct monitor *monitor)
{
	const struct redis_readings *redis = &monitor->redis;

	series_set(&monitor->history, monitor->queue,
		   (struct figures){{
			   [QUEUE_DEPTH] = (float)redis->depth,
			   [QUEUE_BACKLOG] = (float)redis->backlog,
			   [QUEUE_PER_S] = (float)monitor_jobs_per_s(monitor),
			   [QUEUE_OLDEST_S] = (float)redis->oldest_s,
		   }});
}

static void end_bin(struct monitor *monitor, int64_t now_ms)
{
	for (size_t i = 0; i < monitor->instances_count; i++)
		history_end_bin(&monitor->history, monitor->instances[i]->samples, now_ms);
	series_end_bin(&monitor->history, monitor->queue, now_ms);
	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		requests_end_bin(&monitor->requests[service], now_ms);
}

void monitor_begin_round(struct monitor *monitor)
{
	int64_t now_ms = clock_unix_ms(), now_us = clock_monotonic_us();

	if (history_is_bin_over(&monitor->history, now_ms))
		end_bin(monitor, now_ms);
	history_begin_round(&monitor->history, now_ms);
	series_forget(&monitor->history, monitor->queue);
	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		requests_record(&monitor->requests[service], now_us);
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
	monitor->recording = (struct recording){&monitor->history, ROUTES_RECORDED_MAX};
	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		monitor->requests[service].recording = &monitor->recording;
	monitor->queue = series_new(&monitor->history);
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
	for (unsigned service = 0; service < targets_services_count(monitor->targets); service++)
		requests_free(&monitor->requests[service]);
	targets_free(monitor->targets);
	introspection_free(monitor->introspection);
	http_client_free(monitor->client);
	event_base_loop(monitor->base, EVLOOP_NONBLOCK); /* frees the look-ups that were in flight: http/client.h */
	streams_free(monitor->streams);
	loop_timer_free(monitor->soon);
	free(monitor->requests);
	free(monitor->queue);
	free(monitor);
}

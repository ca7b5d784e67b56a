/* Rounds. At each the instances are asked a few at a time, a moment apart, and never one after another: who hangs delays
 * nobody, and 200 answers do not all stand in memory at once. Flow of an instance: poll_instance -> readiness_answered and
 * metrics_answered, in whichever order -> judge.
 * Whoever is still being asked from the last round (the time limit is longer than the interval) sits this one out. */
#include "service.h"

#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"

#define SLICE 16
#define SLICE_US 5000
#define START_US 200000
#define START_SLACK_S 0.5
#define READINESS_BYTES_MAX 65536
#define METRICS_BYTES_MAX (1 << 20)
#define CPU_WINDOW_US_MIN 100000 /* a processor's time over less than that says nothing */

struct poll {
	struct monitor *monitor;
	struct event *tick, *slice;
	size_t next; /* the instance to be asked next in this round */
};

static struct metric *rounds_total, *answers_total, *failures_total;

void poll_register_metrics(void)
{
	rounds_total = metrics_counter("healthcheck_rounds_total", NULL, "Rounds of asking begun.");
	answers_total = metrics_counter("healthcheck_answers_total", "result=\"sound\"", "Answers of instances.");
	failures_total = metrics_counter("healthcheck_answers_total", "result=\"failed\"", "Answers of instances.");
}

/* ---- an instance ---- */

static void set_rates(struct instance *instance, const struct metrics_reading *reading)
{
	int64_t now_us = clock_monotonic_us(), elapsed_us = now_us - instance->counted_us;
	bool is_same_life = instance->cpu_s >= 0 && fabs(reading->started_s - instance->started_s) < 0.5 &&
			    reading->cpu_s >= instance->cpu_s;

	if (is_same_life && elapsed_us < CPU_WINDOW_US_MIN)
		return;
	instance->cpu_percent = is_same_life ? (reading->cpu_s - instance->cpu_s) * 1e8 / (double)elapsed_us : -1;
	instance->jobs_per_s = is_same_life && instance->jobs >= 0 && reading->jobs >= instance->jobs
				       ? (reading->jobs - instance->jobs) * 1e6 / (double)elapsed_us
				       : -1;
	instance->cpu_s = reading->cpu_s;
	instance->jobs = reading->jobs;
	instance->counted_us = now_us;
}

/* A process that is newer than all and was not there at the last answer has taken the place of one that died. Of several
 * processes now this one answers and now that. */
static void note_start(struct instance *instance, double started_s)
{
	int64_t now_ms = clock_unix_ms();

	if (started_s > instance->newest_start_s + START_SLACK_S) {
		instance->is_restarted =
			instance->answered_ms > 0 && started_s + START_SLACK_S > (double)instance->answered_ms / 1000;
		instance->newest_start_s = started_s;
	}
	instance->answered_ms = now_ms;
}

static void forget_readings(struct instance *instance)
{
	instance->cpu_percent = instance->memory_bytes = instance->started_s = instance->jobs_per_s = -1;
	instance->cpu_s = instance->jobs = -1;
}

static enum health judge_health(const struct instance *instance, char reason[REASON_BYTES])
{
	const struct answer *readiness = &instance->readiness, *metrics = &instance->metrics;

	reason[0] = '\0';
	if (readiness->is_sound && readiness->is_ready && metrics->is_sound)
		return HEALTH_UP;
	snprintf(reason, REASON_BYTES, "%s", readiness->is_ready ? metrics->reason : readiness->reason);
	return readiness->is_sound || metrics->is_sound ? HEALTH_DEGRADED : HEALTH_DOWN;
}

static void judge(struct instance *instance)
{
	struct monitor *monitor = instance->monitor;
	char reason[REASON_BYTES];
	enum health health = judge_health(instance, reason), was = instance->watched.health;

	if (!instance->metrics.is_sound)
		forget_readings(instance);
	if (!instance->readiness.is_sound)
		instance->response_ms = -1;
	if (instance->asked_round + monitor->history.rounds_max > monitor->history.round)
		instance->samples[instance->asked_round % monitor->history.rounds_max] =
			history_sample(health, instance->memory_bytes, instance->cpu_percent, instance->response_ms);
	metrics_add(health == HEALTH_DOWN ? failures_total : answers_total, 1);
	monitor_note(monitor, &instance->watched, health, reason);
	if (instance->is_restarted && was == HEALTH_UP && health == HEALTH_UP)
		monitor_note_restart(monitor, &instance->watched);
	instance->is_restarted = false;
	monitor_answered(monitor);
}

static void took_answer(struct instance *instance, struct answer *answer, const char *problem)
{
	answer->is_sound = !problem;
	if (problem)
		snprintf(answer->reason, sizeof answer->reason, "%s", problem);
	if (--instance->awaited == 0)
		judge(instance);
}

static void readiness_answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct instance *instance = arg;
	struct answer *answer = &instance->readiness;
	char problem[REASON_BYTES];

	*answer = (struct answer){0};
	if (status != STATUS_OK)
		return took_answer(instance, answer, reason);
	snprintf(problem, sizeof problem, "/readyz answered %d", response->code);
	if (response->code != 200 && response->code != 503)
		return took_answer(instance, answer, problem);
	if (parse_readiness(response->body, response->len, answer->reason, sizeof answer->reason) != STATUS_OK)
		return took_answer(instance, answer, "/readyz did not answer as one of our daemons");
	answer->is_ready = response->code == 200;
	instance->response_ms = response->duration_ms;
	took_answer(instance, answer, NULL);
}

static void metrics_answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct instance *instance = arg;
	struct answer *answer = &instance->metrics;
	struct metrics_reading reading;
	char problem[REASON_BYTES];

	*answer = (struct answer){0};
	snprintf(problem, sizeof problem, "/metrics: %s", reason);
	if (status != STATUS_OK)
		return took_answer(instance, answer, problem);
	snprintf(problem, sizeof problem, "/metrics answered %d", response->code);
	if (response->code != 200)
		return took_answer(instance, answer, problem);
	if (parse_metrics(response->body, response->len, &reading) != STATUS_OK)
		return took_answer(instance, answer, "/metrics did not answer as one of our daemons");
	set_rates(instance, &reading);
	note_start(instance, reading.started_s);
	instance->memory_bytes = reading.memory_bytes;
	instance->started_s = reading.started_s;
	memcpy(instance->version, reading.version, sizeof instance->version);
	took_answer(instance, answer, NULL);
}

void poll_instance(struct poll *poll, struct instance *instance)
{
	struct monitor *monitor = poll->monitor;
	char url[ADDRESS_BYTES + 32];
	size_t at = monitor->history.round % monitor->history.rounds_max;

	if (instance->asked_round == monitor->history.round)
		return;
	instance->samples[at] = (struct sample){0};
	if (instance->awaited > 0)
		return;
	instance->asked_round = monitor->history.round;
	if (instance->is_placeholder) {
		instance->samples[at] = history_sample(HEALTH_DOWN, 0, 0, 0);
		return;
	}
	instance->awaited = 2;
	snprintf(url, sizeof url, "http://%s/readyz", instance->address);
	http_client_get(monitor->client, &instance->scope, url, monitor->config->timeout_ms, READINESS_BYTES_MAX,
			readiness_answered, instance);
	snprintf(url, sizeof url, "http://%s/metrics", instance->address);
	http_client_get(monitor->client, &instance->scope, url, monitor->config->timeout_ms, METRICS_BYTES_MAX,
			metrics_answered, instance);
}

/* ---- rounds ---- */

static void ask_slice(evutil_socket_t fd, short what, void *arg)
{
	struct poll *poll = arg;
	struct monitor *monitor = poll->monitor;

	for (int i = 0; i < SLICE && poll->next < monitor->instances_count; i++)
		poll_instance(poll, monitor->instances[poll->next++]);
	if (poll->next < monitor->instances_count)
		event_add(poll->slice, &(struct timeval){.tv_usec = SLICE_US});
}

static void begin_round(evutil_socket_t fd, short what, void *arg)
{
	struct poll *poll = arg;
	struct monitor *monitor = poll->monitor;
	long ms = monitor->config->interval_ms;

	if (monitor->history.round == 0)
		event_add(poll->tick, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
	else if (event_pending(poll->slice, EV_TIMEOUT, NULL))
		return; /* the last one is not through: the interval is too short for so many */
	monitor_round_ends(monitor);
	history_begin_round(&monitor->history, clock_unix_ms());
	metrics_add(rounds_total, 1);
	targets_refresh(monitor);
	if (monitor->postgres)
		postgres_watch_ask(monitor->postgres);
	if (monitor->redis)
		redis_watch_ask(monitor->redis);
	if (monitor->nginx)
		nginx_watch_ask(monitor->nginx);
	poll->next = 0;
	ask_slice(-1, 0, poll);
}

void poll_inserted(struct poll *poll, size_t at)
{
	if (at < poll->next)
		poll->next++;
}

bool poll_is_idle(const struct poll *poll)
{
	const struct monitor *monitor = poll->monitor;

	if (event_pending(poll->slice, EV_TIMEOUT, NULL))
		return false;
	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->awaited > 0)
			return false;
	return true;
}

struct poll *poll_new(struct monitor *monitor)
{
	struct poll *poll = mem_alloc(sizeof *poll);

	poll->monitor = monitor;
	poll->tick = event_new(monitor->base, -1, EV_PERSIST, begin_round, poll);
	poll->slice = event_new(monitor->base, -1, 0, ask_slice, poll);
	event_priority_set(poll->tick, LOOP_PRIORITY_NORMAL);
	event_priority_set(poll->slice, LOOP_PRIORITY_NORMAL);
	return poll;
}

/* The first round waits until this daemon, which is among those that it asks, says that it is ready. */
void poll_start(struct poll *poll)
{
	event_add(poll->tick, &(struct timeval){.tv_usec = START_US});
}

void poll_free(struct poll *poll)
{
	event_free(poll->tick);
	event_free(poll->slice);
	free(poll);
}

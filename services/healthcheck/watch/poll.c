/* A round asks a few instances, a moment later the next few, and waits for no answer in between: an instance that hangs delays
 * no other, and 200 answers are not all in memory at once.
 * Flow for each instance: poll_instance -> readiness_answered and metrics_answered, in either order -> judge.
 * An instance that has not answered the previous round yet (its time limit is longer than the interval) skips this round. */
#include "watch/poll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/client.h"
#include "monitor.h"
#include "service.h"
#include "watch/parse.h"
#include "watch/targets.h"

#define SLICE 16
#define SLICE_MS 5
#define START_MS 200
#define START_SLACK_S 0.5
#define READINESS_BYTES_MAX 65536
#define METRICS_BYTES_MAX (1 << 20)
#define CPU_WINDOW_US_MIN 100000 /* CPU time over a shorter window is too coarse to give a rate */

struct poll {
	struct monitor *monitor;
	struct loop_timer *tick, *slice;
	size_t next; /* the instance that this round asks next */
};

static struct metric *rounds_total, *answers_total, *failures_total;

void poll_register_metrics(void)
{
	rounds_total = metrics_counter("healthcheck_rounds_total", NULL, "Rounds of asking that have begun.");
	answers_total = metrics_counter("healthcheck_answers_total", "result=\"sound\"", "Answers of instances.");
	failures_total = metrics_counter("healthcheck_answers_total", "result=\"failed\"", "Answers of instances.");
}

/* ---- an instance ---- */

static void set_rates(struct instance *instance, const struct metrics_reading *reading)
{
	struct polling *polling = &instance->polling;
	int64_t now_us = clock_monotonic_us(), elapsed_us = now_us - polling->counted_us;
	bool is_same_process = polling->cpu_s >= 0 && fabs(reading->started_s - instance->started_s) < START_SLACK_S &&
			       reading->cpu_s >= polling->cpu_s;

	if (is_same_process && elapsed_us < CPU_WINDOW_US_MIN)
		return;
	instance->cpu_percent = is_same_process ? (reading->cpu_s - polling->cpu_s) * 1e8 / (double)elapsed_us : -1;
	instance->jobs_per_s = is_same_process && polling->jobs >= 0 && reading->jobs >= polling->jobs
				       ? (reading->jobs - polling->jobs) * 1e6 / (double)elapsed_us
				       : -1;
	polling->cpu_s = reading->cpu_s;
	polling->jobs = reading->jobs;
	polling->counted_us = now_us;
}

/* A process that started after the last answer, and is newer than all others, has replaced one that died. The newest start is
 * remembered because an instance may have several processes, and any of them may answer. */
static void note_start(struct polling *polling, double started_s)
{
	int64_t now_ms = clock_unix_ms();

	if (started_s > polling->newest_start_s + START_SLACK_S) {
		polling->is_restarted =
			polling->answered_ms > 0 && started_s + START_SLACK_S > (double)polling->answered_ms / 1000;
		polling->newest_start_s = started_s;
	}
	polling->answered_ms = now_ms;
}

static void forget_readings(struct instance *instance)
{
	instance->cpu_percent = instance->memory_bytes = instance->started_s = instance->jobs_per_s = -1;
	instance->mail_waiting = instance->mail_oldest_s = instance->mail_sent = instance->mail_failed = -1;
	instance->sms_sent = instance->sms_failed = -1;
	instance->polling.cpu_s = instance->polling.jobs = -1;
}

static enum health judge_health(const struct instance *instance, char reason[REASON_BYTES])
{
	const struct answer *readiness = &instance->polling.readiness, *metrics = &instance->polling.metrics;

	reason[0] = '\0';
	if (readiness->is_sound && readiness->is_ready && metrics->is_sound)
		return HEALTH_UP;
	snprintf(reason, REASON_BYTES, "%s", readiness->is_ready ? metrics->reason : readiness->reason);
	return readiness->is_sound || metrics->is_sound ? HEALTH_DEGRADED : HEALTH_DOWN;
}

static void judge(struct instance *instance)
{
	struct monitor *monitor = instance->monitor;
	struct polling *polling = &instance->polling;
	char reason[REASON_BYTES];
	enum health health = judge_health(instance, reason), was = instance->watched.health;

	if (!polling->metrics.is_sound)
		forget_readings(instance);
	if (!polling->readiness.is_sound)
		instance->response_ms = -1;
	if (polling->asked_round + monitor->history.rounds_max > monitor->history.round)
		instance->samples[polling->asked_round % monitor->history.rounds_max] =
			history_sample(health, instance->memory_bytes, instance->cpu_percent, instance->response_ms);
	metrics_add(health == HEALTH_DOWN ? failures_total : answers_total, 1);
	monitor_note(monitor, &instance->watched, health, reason);
	if (polling->is_restarted && was == HEALTH_UP && health == HEALTH_UP)
		monitor_note_restart(monitor, &instance->watched);
	polling->is_restarted = false;
	monitor_answered(monitor);
}

static void took_answer(struct instance *instance, struct answer *answer, const char *problem)
{
	answer->is_sound = !problem;
	if (problem)
		snprintf(answer->reason, sizeof answer->reason, "%s", problem);
	if (--instance->polling.awaited == 0)
		judge(instance);
}

static void readiness_answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct instance *instance = arg;
	struct answer *answer = &instance->polling.readiness;
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

static void take_requests(struct instance *instance, const struct http_response *response)
{
	static struct request_counts now; /* one answer at a time, and it is large for a stack */

	parse_requests(response->body, response->len, &now);
	requests_add(&instance->monitor->requests[instance->service], &instance->requests, &now, clock_monotonic_us());
}

static void metrics_answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct instance *instance = arg;
	struct answer *answer = &instance->polling.metrics;
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
	note_start(&instance->polling, reading.started_s);
	instance->memory_bytes = reading.memory_bytes;
	instance->started_s = reading.started_s;
	memcpy(instance->version, reading.version, sizeof instance->version);
	instance->mail_waiting = reading.mail_waiting;
	instance->mail_oldest_s = reading.mail_oldest_s;
	instance->mail_sent = reading.mail_sent;
	instance->mail_failed = reading.mail_failed;
	instance->sms_sent = reading.sms_sent;
	instance->sms_failed = reading.sms_failed;
	take_requests(instance, response);
	took_answer(instance, answer, NULL);
}

void poll_instance(struct poll *poll, struct instance *instance)
{
	struct monitor *monitor = poll->monitor;
	struct polling *polling = &instance->polling;
	char url[ADDRESS_BYTES + 32];
	size_t at = monitor->history.round % monitor->history.rounds_max;

	if (polling->asked_round == monitor->history.round)
		return;
	instance->samples[at] = (struct sample){0};
	if (polling->awaited > 0)
		return;
	polling->asked_round = monitor->history.round;
	if (instance->is_placeholder) {
		instance->samples[at] = history_sample(HEALTH_DOWN, 0, 0, 0);
		return;
	}
	polling->awaited = 2;
	snprintf(url, sizeof url, "http://%s/readyz", instance->address);
	http_client_get(monitor->client, &polling->scope, url, monitor->config->timeout_ms, READINESS_BYTES_MAX,
			readiness_answered, instance);
	snprintf(url, sizeof url, "http://%s/metrics", instance->address);
	http_client_get(monitor->client, &polling->scope, url, monitor->config->timeout_ms, METRICS_BYTES_MAX, metrics_answered,
			instance);
}

/* ---- rounds ---- */

static void ask_slice(void *arg)
{
	struct poll *poll = arg;
	struct monitor *monitor = poll->monitor;

	for (int i = 0; i < SLICE && poll->next < monitor->instances_count; i++)
		poll_instance(poll, monitor->instances[poll->next++]);
	if (poll->next < monitor->instances_count)
		loop_timer_start(poll->slice, SLICE_MS);
}

static void begin_round(void *arg)
{
	struct poll *poll = arg;
	struct monitor *monitor = poll->monitor;

	if (monitor->history.round == 0)
		loop_timer_repeat(poll->tick, monitor->config->interval_ms);
	else if (loop_timer_is_running(poll->slice))
		return; /* the previous round still asks: the interval is too short for so many instances */
	monitor_round_ends(monitor);
	monitor_begin_round(monitor);
	metrics_add(rounds_total, 1);
	targets_refresh(monitor->targets);
	postgres_watch_ask(monitor->postgres_watch);
	redis_watch_ask(monitor->redis_watch);
	nginx_watch_ask(monitor->nginx_watch);
	poll->next = 0;
	ask_slice(poll);
}

void poll_inserted(struct poll *poll, size_t at)
{
	if (at < poll->next)
		poll->next++;
}

bool poll_is_idle(const struct poll *poll)
{
	const struct monitor *monitor = poll->monitor;

	if (loop_timer_is_running(poll->slice))
		return false;
	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->polling.awaited > 0)
			return false;
	return true;
}

struct poll *poll_new(struct monitor *monitor)
{
	struct poll *poll = mem_alloc(sizeof *poll);

	poll->monitor = monitor;
	poll->tick = loop_timer_new(monitor->base, begin_round, poll);
	poll->slice = loop_timer_new(monitor->base, ask_slice, poll);
	return poll;
}

/* The first round waits a moment, because this daemon is one of its own targets and must be ready to answer. */
void poll_start(struct poll *poll)
{
	loop_timer_start(poll->tick, START_MS);
}

void poll_free(struct poll *poll)
{
	loop_timer_free(poll->tick);
	loop_timer_free(poll->slice);
	free(poll);
}

/* An address that look-ups no longer return is still watched while it answers, and is forgotten a minute after it has stopped
 * to answer. So a killed container is reported as down, and one that was scaled away disappears. */
#include "watch/targets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/client.h"
#include "monitor.h"
#include "net/url.h"
#include "watch/poll.h"

#define FORGET_MS 60000

struct target { /* one name=url */
	struct targets *targets;
	unsigned service;
	char host[URL_HOST_BYTES_MAX];
	int port;
	bool is_name, is_being_looked_up;
};

struct targets {
	struct monitor *monitor; /* NULL until targets_start() */
	struct scope scope;
	bool was_full; /* which is logged once */
	size_t count;
	unsigned services_count;
	struct target list[TARGETS_MAX];
	char services[TARGETS_MAX][SERVICE_NAME_BYTES];
};

/* ---- configuration ---- */

unsigned targets_services_count(const struct targets *targets)
{
	return targets->services_count;
}

const char *targets_service_name(const struct targets *targets, unsigned service)
{
	return targets->services[service];
}

int targets_service(const struct targets *targets, const char *name)
{
	for (unsigned i = 0; i < targets->services_count; i++)
		if (strcmp(targets->services[i], name) == 0)
			return (int)i;
	return -1;
}

static bool is_service_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	return *name && strlen(name) < SERVICE_NAME_BYTES && name[strspn(name, allowed)] == '\0';
}

static bool is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static enum status add_target(struct targets *targets, const char *name, const char *url_text)
{
	struct target *target = &targets->list[targets->count];
	struct url url;
	int service = targets_service(targets, name);

	if (!is_service_name(name) || targets->count == TARGETS_MAX || url_parse(url_text, &url) != STATUS_OK ||
	    strcmp(url.path, "/") != 0)
		return STATUS_INVALID;
	if (service < 0) {
		service = (int)targets->services_count++;
		snprintf(targets->services[service], SERVICE_NAME_BYTES, "%s", name);
	}
	*target = (struct target){
		.targets = targets, .service = (unsigned)service, .port = url.port, .is_name = !is_address(url.host)};
	snprintf(target->host, sizeof target->host, "%s", url.host);
	targets->count++;
	return STATUS_OK;
}

enum status targets_parse(const char *text, struct targets **ret_targets, char *problem, size_t size)
{
	struct targets *targets = mem_alloc(sizeof *targets);
	char *copy = mem_strdup(text), *left = copy, *entry;
	enum status status = STATUS_OK;

	scope_init(&targets->scope);
	while (status == STATUS_OK && (entry = strsep(&left, ",")) != NULL) {
		char *name = entry + strspn(entry, " "), *url = strchr(name, '=');

		if (url)
			*url++ = '\0';
		status = url ? add_target(targets, name, url) : STATUS_INVALID;
		if (status != STATUS_OK)
			snprintf(problem, size, "%.80s%s%.200s is not service=http://host:port, or is one too many", name,
				 url ? "=" : "", url ? url : "");
	}
	free(copy);
	if (status == STATUS_OK)
		*ret_targets = targets;
	else
		free(targets);
	return status;
}

/* ---- instances ---- */

static unsigned free_number(const struct monitor *monitor, unsigned service)
{
	unsigned number = 1;

	for (size_t i = 0; i < monitor->instances_count; i++) {
		const struct instance *instance = monitor->instances[i];

		if (instance->service == service && instance->number == number)
			number++;
	}
	return number;
}

static size_t place_of(const struct monitor *monitor, unsigned service, unsigned number)
{
	size_t at = 0;

	for (; at < monitor->instances_count; at++) {
		const struct instance *instance = monitor->instances[at];

		if (instance->service > service || (instance->service == service && instance->number > number))
			break;
	}
	return at;
}

static void insert(struct monitor *monitor, struct instance *instance)
{
	size_t at = place_of(monitor, instance->service, instance->number);

	memmove(&monitor->instances[at + 1], &monitor->instances[at],
		(monitor->instances_count - at) * sizeof(struct instance *));
	monitor->instances[at] = instance;
	monitor->instances_count++;
	poll_inserted(monitor->poll, at);
}

static void make_address(const char *host, int port, char address[ADDRESS_BYTES])
{
	bool is_ipv6 = strchr(host, ':') != NULL;

	snprintf(address, ADDRESS_BYTES, "%s%s%s:%d", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

static struct instance *instance_new(struct target *target, const char *host)
{
	struct targets *targets = target->targets;
	struct monitor *monitor = targets->monitor;
	struct instance *instance;
	const char *service = targets->services[target->service];

	if (monitor->instances_count == INSTANCES_MAX) {
		if (!targets->was_full)
			log_line(LOG_WARN, "more instances than can be watched", LOG_TEXT("first", service),
				 LOG_TEXT("host", host), LOG_INT("most", INSTANCES_MAX));
		targets->was_full = true;
		return NULL;
	}
	instance = mem_alloc(sizeof *instance);
	instance->monitor = monitor;
	instance->target = target;
	instance->service = target->service;
	instance->number = free_number(monitor, target->service);
	instance->response_ms = instance->cpu_percent = instance->memory_bytes = -1;
	instance->started_s = instance->jobs_per_s = instance->polling.cpu_s = instance->polling.jobs = -1;
	instance->mail_waiting = instance->mail_oldest_s = instance->mail_sent = instance->mail_failed = -1;
	instance->sms_sent = instance->sms_failed = -1;
	instance->samples = history_samples_new(&monitor->history);
	scope_init(&instance->polling.scope);
	make_address(host, target->port, instance->address);
	snprintf(instance->watched.service, sizeof instance->watched.service, "%s", service);
	snprintf(instance->watched.instance, sizeof instance->watched.instance, "%s-%u", service, instance->number);
	snprintf(instance->watched.reason, sizeof instance->watched.reason, "not asked yet");
	instance->watched.since_ms = clock_unix_ms();
	insert(monitor, instance);
	return instance;
}

static void instance_free(struct instance *instance)
{
	scope_cancel(&instance->polling.scope);
	free(instance->samples);
	free(instance);
}

static void forget(struct monitor *monitor, size_t at)
{
	struct instance *instance = monitor->instances[at];

	events_forget(&monitor->events, &instance->watched, clock_unix_ms());
	monitor->instances_count--;
	memmove(&monitor->instances[at], &monitor->instances[at + 1],
		(monitor->instances_count - at) * sizeof(struct instance *));
	instance_free(instance);
}

static struct instance *find(const struct target *target, const char *host)
{
	const struct monitor *monitor = target->targets->monitor;
	char address[ADDRESS_BYTES];

	make_address(host, target->port, address);
	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->target == target && strcmp(monitor->instances[i]->address, address) == 0)
			return monitor->instances[i];
	return NULL;
}

/* ---- names ---- */

static bool has_instances(const struct target *target)
{
	const struct monitor *monitor = target->targets->monitor;

	for (size_t i = 0; i < monitor->instances_count; i++)
		if (monitor->instances[i]->target == target)
			return true;
	return false;
}

/* A name without an address is shown as an instance that is down. */
static void note_unresolved(struct target *target, const char *reason)
{
	struct instance *instance = find(target, target->host);

	if (!instance && !has_instances(target)) {
		instance = instance_new(target, target->host);
		if (instance)
			instance->is_placeholder = true;
	}
	if (instance)
		monitor_note(target->targets->monitor, &instance->watched, HEALTH_DOWN, reason);
}

/* Before the name's instances are made, so that they get its number. */
static void forget_placeholder(struct target *target)
{
	struct monitor *monitor = target->targets->monitor;

	for (size_t i = monitor->instances_count; i-- > 0;)
		if (monitor->instances[i]->target == target && monitor->instances[i]->is_placeholder)
			forget(monitor, i);
}

static void unlist_all(struct target *target)
{
	const struct monitor *monitor = target->targets->monitor;

	for (size_t i = 0; i < monitor->instances_count; i++) {
		struct instance *instance = monitor->instances[i];

		if (instance->target == target && instance->unlisted_ms == 0 && !instance->is_placeholder)
			instance->unlisted_ms = clock_unix_ms();
	}
}

static void looked_up(enum status status, const char *const *addresses, size_t count, const char *reason, void *arg)
{
	struct target *target = arg;

	target->is_being_looked_up = false;
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		unlist_all(target);
	if (status != STATUS_OK)
		return note_unresolved(target, reason);
	forget_placeholder(target);
	for (size_t i = 0; i < count; i++) {
		struct instance *instance = find(target, addresses[i]);

		if (instance) {
			instance->unlisted_ms = 0;
		} else if ((instance = instance_new(target, addresses[i]))) {
			poll_instance(target->targets->monitor->poll, instance);
		}
	}
}

static bool is_gone(const struct instance *instance, int64_t now_ms)
{
	const struct watched *watched = &instance->watched;

	if (instance->unlisted_ms == 0)
		return false;
	return watched->health == HEALTH_DOWN && now_ms - watched->since_ms > FORGET_MS &&
	       now_ms - instance->unlisted_ms > FORGET_MS;
}

void targets_refresh(struct targets *targets)
{
	struct monitor *monitor = targets->monitor;
	int64_t now_ms = clock_unix_ms();

	for (size_t i = monitor->instances_count; i-- > 0;)
		if (is_gone(monitor->instances[i], now_ms))
			forget(monitor, i);
	for (size_t i = 0; i < targets->count; i++) {
		struct target *target = &targets->list[i];

		if (!target->is_name || target->is_being_looked_up)
			continue;
		target->is_being_looked_up = true;
		http_client_resolve(monitor->client, &targets->scope, target->host, looked_up, target);
	}
}

void targets_start(struct targets *targets, struct monitor *monitor)
{
	targets->monitor = monitor;
	for (size_t i = 0; i < targets->count; i++)
		if (!targets->list[i].is_name)
			instance_new(&targets->list[i], targets->list[i].host);
}

void targets_free(struct targets *targets)
{
	struct monitor *monitor;

	if (!targets)
		return;
	monitor = targets->monitor;
	scope_cancel(&targets->scope);
	while (monitor && monitor->instances_count > 0)
		instance_free(monitor->instances[--monitor->instances_count]);
	free(targets);
}

#include "record/events.h"

#include <stdio.h>

const char *health_name(enum health health)
{
	static const char *const names[] = {"down", "up", "degraded", "down"};

	return names[health];
}

/* NULL when newer events have overwritten it. */
static struct event_entry *find(struct events *events, uint64_t number)
{
	if (number == 0 || number + EVENTS_MAX <= events->count)
		return NULL;
	return &events->ring[(number - 1) % EVENTS_MAX];
}

void events_forget(struct events *events, const struct watched *watched, int64_t now_ms)
{
	struct event_entry *latest = find(events, watched->event);

	if (latest && latest->ended_ms == 0)
		latest->ended_ms = now_ms;
}

static void add(struct events *events, struct watched *watched, enum health was, const char *reason, int64_t now_ms)
{
	struct event_entry *entry = &events->ring[events->count % EVENTS_MAX];

	events_forget(events, watched, now_ms);
	/* The time is larger than any id of an earlier process, because that had fewer events than milliseconds. */
	events->latest_id = now_ms > events->latest_id ? now_ms : events->latest_id + 1;
	*entry = (struct event_entry){.id = events->latest_id, .health = watched->health, .was = was, .at_ms = now_ms};
	snprintf(entry->service, sizeof entry->service, "%s", watched->service);
	snprintf(entry->instance, sizeof entry->instance, "%s", watched->instance);
	snprintf(entry->reason, sizeof entry->reason, "%s", reason);
	watched->event = ++events->count;
}

bool events_note(struct events *events, struct watched *watched, enum health health, const char *reason, int64_t now_ms)
{
	enum health was = watched->health;

	if (health == HEALTH_UP || health == HEALTH_DEGRADED)
		watched->last_seen_ms = now_ms;
	snprintf(watched->reason, sizeof watched->reason, "%s", reason);
	if (health == was)
		return false;
	watched->health = health;
	watched->since_ms = now_ms;
	if (was == HEALTH_UNKNOWN && health == HEALTH_UP)
		return true;
	add(events, watched, was, watched->reason, now_ms);
	return true;
}

const struct event_entry *events_latest(const struct events *events, uint64_t back)
{
	if (back >= events->count || back >= EVENTS_MAX)
		return NULL;
	return &events->ring[(events->count - 1 - back) % EVENTS_MAX];
}

const struct event_entry *events_acknowledge(struct events *events, int64_t id, const char *by, const char *note,
					     int64_t now_ms)
{
	for (size_t i = 0; i < EVENTS_MAX; i++) {
		struct event_entry *entry = &events->ring[i];

		if (entry->id == 0 || entry->id != id)
			continue;
		entry->acknowledged_ms = now_ms;
		snprintf(entry->acknowledged_by, sizeof entry->acknowledged_by, "%s", by);
		snprintf(entry->note, sizeof entry->note, "%s", note);
		return entry;
	}
	return NULL;
}

void events_note_restart(struct events *events, struct watched *watched, int64_t now_ms)
{
	add(events, watched, HEALTH_DOWN, "restarted between two rounds", now_ms);
}

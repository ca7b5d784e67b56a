/* The health of whatever is watched, and a ring of its last changes. */
#ifndef ABACUS_HEALTHCHECK_EVENTS_H
#define ABACUS_HEALTHCHECK_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_NAME_BYTES 32
#define INSTANCE_NAME_BYTES 48
#define REASON_BYTES 96
#define EVENTS_MAX 500
#define NOTE_CHARACTERS_MAX 280
#define NOTE_BYTES (NOTE_CHARACTERS_MAX * 4 + 1)
#define ADMIN_BYTES 256

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN };
const char *health_name(enum health health); /* "up", "degraded", "down"; unknown is "down" too: nothing has answered yet */

/* An instance, Postgres, Redis or nginx. */
struct watched {
	char service[SERVICE_NAME_BYTES], instance[INSTANCE_NAME_BYTES];
	enum health health;
	char reason[REASON_BYTES]; /* "" when up */
	int64_t since_ms;          /* when the health last changed */
	int64_t last_seen_ms;      /* when it last answered; 0: never */
	uint64_t event;            /* number of its latest event; 0: none */
};

struct event_entry {
	int64_t id; /* later than all before it, also those of an earlier process */
	char service[SERVICE_NAME_BYTES], instance[INSTANCE_NAME_BYTES];
	enum health health, was;
	char reason[REASON_BYTES];
	int64_t at_ms, ended_ms; /* ended_ms 0: this is still its health */
	int64_t acknowledged_ms; /* 0: no admin has taken note of it */
	char acknowledged_by[ADMIN_BYTES], note[NOTE_BYTES];
};

/* What an admin says to all readers. {0}: nothing. */
struct notice {
	char text[NOTE_BYTES], by[ADMIN_BYTES];
	int64_t since_ms; /* 0: there is none */
};

/* {0} is an empty ring. */
struct events {
	struct event_entry ring[EVENTS_MAX];
	uint64_t count; /* of all events since start; number n is at (n - 1) % EVENTS_MAX */
	int64_t latest_id;
};

/* Sets health, reason and times. Adds an event when the health changed, except for the first time that something is found up.
 * Returns whether the health changed. */
bool events_note(struct events *events, struct watched *watched, enum health health, const char *reason, int64_t now_ms);
/* Adds an event for an outage so short that no round saw it: was down, is up. */
void events_note_restart(struct events *events, struct watched *watched, int64_t now_ms);
/* An admin takes note of an event, or changes the note; each is cut off at its size. NULL: the ring has no such event. */
const struct event_entry *events_acknowledge(struct events *events, int64_t id, const char *by, const char *note,
					     int64_t now_ms);
/* Ends the latest event of what is no longer watched. */
void events_forget(struct events *events, const struct watched *watched, int64_t now_ms);
/* The latest event (back 0), the one before it (back 1), …; NULL beyond the ring. */
const struct event_entry *events_latest(const struct events *events, uint64_t back);

#endif

/* The statements about events: what happened to accounts (docs/decisions/0025-events.md). */
#ifndef ABACUS_USERS_STORE_EVENTS_H
#define ABACUS_USERS_STORE_EVENTS_H

#include "statements.h"

/* user id, origin; for a login that changes nothing else */
extern const struct postgres_statement store_event_login;
/* [{id, event, network, agent, request, count}, …]; counts attempts, in one row for each user, event, network and day */
extern const struct postgres_statement store_events_attempted;
/* limit, days; removes the oldest, as many as are older */
extern const struct postgres_statement store_events_prune;
/* user id, before id, limit -> what happened to the user, and what the user did to others, the last first. One row, whose event
 * is null, when there is none. */
extern const struct postgres_statement store_events_of_user;
enum {
	COLUMN_EVENTS_USER_EXISTS,
	COLUMN_EVENTS_ID,
	COLUMN_EVENTS_EVENT,
	COLUMN_EVENTS_AT, /* RFC 3339, as COLUMN_EVENTS_LAST_AT */
	COLUMN_EVENTS_USER_ID,
	COLUMN_EVENTS_ACTOR_ID,   /* null: a client that had not logged in, or manage */
	COLUMN_EVENTS_SESSION_ID, /* null: none */
	COLUMN_EVENTS_NETWORK,    /* "": not known, as the next two */
	COLUMN_EVENTS_USER_AGENT,
	COLUMN_EVENTS_REQUEST_ID,
	COLUMN_EVENTS_COUNT,
	COLUMN_EVENTS_LAST_AT
};

#endif

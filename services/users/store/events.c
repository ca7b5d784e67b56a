#include "store/events.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

const struct postgres_statement store_event_login = {
	"event_login",
	"INSERT" EVENT_COLUMNS
	" SELECT 'use', 'login', $1::bigint, origin.actor, origin.session, origin.network, origin.agent, origin.request"
	" FROM" ORIGIN("$2"),
};

/* In the order of the index, so that two processes that count the same do not wait for each other. */
const struct postgres_statement store_events_attempted = {
	"events_attempted",
	"INSERT INTO events (class, event, user_id, network, user_agent, request_id, count, last_at)"
	" SELECT 'attempt', event, id, network, max(agent), max(request), sum(count)::bigint, CASE WHEN sum(count) > 1"
	" THEN now() END FROM jsonb_to_recordset($1::jsonb) AS attempts (id bigint, event text, network text, agent text,"
	" request text, count bigint) GROUP BY id, event, network ORDER BY id, event, network" COUNTED,
};

/* Ids grow with time, so those at the beginning of the primary key are the oldest, and no index of the time has to be written.
 */
const struct postgres_statement store_events_prune = {
	"events_prune",
	"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id IN (SELECT id FROM events ORDER BY id"
	" LIMIT $1::bigint) AND coalesce(last_at, at) < " LONG_AGO("$3") " - $2::bigint * interval '1 day'"
	" FOR UPDATE SKIP LOCKED)",
};

#define PAGE_OF_EVENTS(which) "(SELECT * FROM events WHERE " which " AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint)"
#define ABOUT_USER "user_id = $1::bigint"
#define ABOUT_OTHERS "actor_id = $1::bigint AND actor_id <> user_id"
#define EVENT_SHOWN \
	"shown.id, event, " TIME("at") ", user_id, actor_id, session_id, network, user_agent, request_id, count," \
	" " TIME("coalesce(last_at, at)")

const struct postgres_statement store_events_of_user = {
	"events_of_user",
	"WITH page AS (" PAGE_OF_EVENTS(ABOUT_USER) " UNION ALL " PAGE_OF_EVENTS(ABOUT_OTHERS) "),"
	" shown AS (SELECT * FROM page ORDER BY id DESC LIMIT $3::bigint)"
	" SELECT EXISTS (SELECT FROM users WHERE id = $1::bigint), " EVENT_SHOWN " FROM (SELECT) one LEFT JOIN shown ON true"
	" ORDER BY shown.id DESC",
	true,
};

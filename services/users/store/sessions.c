#include "store/sessions.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

/* Answers with a row even when there is no such user. Failed logins are counted by the e-mail, so that those with the user name
 * count too; those of no user by the name as Postgres lowers it, because lower() maps more spellings to one name than a program
 * without its tables could. User names from before they were normalized are found as they are. */
#define LOGIN_OF \
	"SELECT " USER ", tokens_dead_until_ms, coalesce(lower(email), typed.name), (SELECT substr(password_hash, 5, 2)" \
	" FROM users WHERE password_hash LIKE '$2_$%' ORDER BY 1 DESC LIMIT 1), EXISTS (SELECT FROM factor_settings" \
	" JOIN factors USING (user_id) WHERE user_id = users.id AND asked = 'login' AND activated_at IS NOT NULL)," \
	" email_verified_at IS NOT NULL FROM (SELECT lower(normalize($1, NFC)) AS name, lower($1) AS raw) typed" \
	" LEFT JOIN users ON "

const struct postgres_statement store_user_by_email = {
	"user_by_email",
	LOGIN_OF "lower(email) = typed.name",
	true,
};

const struct postgres_statement store_user_by_login = {
	"user_by_login",
	LOGIN_OF "lower(email) = typed.name OR lower(username) IN (typed.name, typed.raw)"
	" ORDER BY lower(email) = typed.name DESC, lower(username) = typed.raw DESC LIMIT 1",
	true,
};

const struct postgres_statement store_user_of_token = {
	"user_of_token",
	"SELECT " USER ", tokens_dead_until_ms >= $3::bigint OR revoked.jti IS NOT NULL, coalesce(revoked.inactive, false),"
	" " HAS_FACTOR("users.id") " FROM users LEFT JOIN LATERAL (SELECT jti, inactive FROM revoked_tokens"
	" WHERE jti IN ($2::uuid, $4::uuid) ORDER BY inactive DESC LIMIT 1) revoked ON true WHERE users.id = $1",
	true,
};

#define SESSION_OF(table) \
	table ".id, " table ".user_agent, " table ".address, " TIME(table ".created_at") ", " TIME(table ".used_at") "," \
	" " TIME(table ".expires_at") ", " table ".remember"
#define SESSION SESSION_OF("sessions")
/* The limits are the parameters most, most_otherwise and idle. */
#define FROM_LOGIN(most, most_otherwise) \
	"(CASE WHEN sessions.remember THEN " SECONDS(most) " ELSE " SECONDS(most_otherwise) " END)"
#define IS_GOOD_AT(moment, most, most_otherwise, idle) \
	"users.active AND sessions.generation >= users.tokens_dead_until_ms AND sessions.reused_at IS NULL" \
	" AND sessions.expires_at > " moment " AND sessions.used_at + " SECONDS(idle) " > " moment \
	" AND sessions.created_at + " FROM_LOGIN(most, most_otherwise) " > " moment
#define IS_GOOD(most, most_otherwise, idle) IS_GOOD_AT("now()", most, most_otherwise, idle)
/* Revokes the sessions of a WITH query that has their id and user_id. by: the session whose login does. */
#define REVOKE_BY(by, query, expires_s) \
	"INSERT INTO revoked_tokens (jti, user_id, inactive, expires_at, revoked_by)" \
	" SELECT id, user_id, false, to_timestamp(" expires_s "::bigint), " by "::uuid FROM " query " ON CONFLICT DO NOTHING"
#define REVOKE(query, expires_s) REVOKE_BY("NULL", query, expires_s)

/* One list of the sessions that end, because Postgres would read the whole table for a condition with OR and a query in it.
 * When another user's ends, whose cookie was replaced, it was done by that user's browser, and not by the user who logs in. */
const struct postgres_statement store_session_insert = {
	"session_insert",
	"WITH added AS (INSERT INTO sessions (id, user_id, generation, remember, cookie, user_agent, address, expires_at,"
	" factor) SELECT $1::uuid, id, tokens_dead_until_ms, $4::boolean, $5::boolean, $6::text, $7::text,"
	" now() + " SECONDS("$8") ", $11::text FROM users"
	" WHERE id = $2::bigint AND active AND tokens_dead_until_ms = $3::bigint RETURNING *),"
	" surplus AS (DELETE FROM sessions WHERE id = ANY (ARRAY(SELECT id FROM sessions"
	" WHERE id = $13::uuid AND cookie AND EXISTS (SELECT FROM added) UNION ALL (SELECT id FROM sessions"
	" WHERE user_id = $2::bigint AND id IS DISTINCT FROM $13::uuid AND EXISTS (SELECT FROM added)"
	" ORDER BY used_at DESC, id DESC OFFSET $9::bigint - 1))) RETURNING id, user_id),"
	" revoked AS (" REVOKE_BY("$1", "surplus", "$10") "),"
	" ended AS (INSERT" EVENT_COLUMNS " SELECT 'use', 'session_ended', user_id, CASE WHEN user_id = origin.actor"
	" THEN user_id END, id, origin.network, origin.agent, origin.request FROM surplus," ORIGIN("$12")
	" WHERE $12::jsonb IS NOT NULL),"
	EVENT_OF("use", "'login'", "added.user_id", "added.id", "added", "$12")
	" SELECT " SESSION_OF("added") ", " AUTHENTICATED_S("added") ", surplus.id FROM added LEFT JOIN surplus ON true",
};

#define EXPIRES_AT(most, most_otherwise, idle) \
	"least(sessions.created_at + " FROM_LOGIN(most, most_otherwise) ", now() + " SECONDS(idle) ")"
#define REFRESHED \
	SESSION ", user_id, users.admin, generation, counter, " AUTHENTICATED_S("sessions") ", " REMAINING_S ", factor"

/* A session that another statement has locked is skipped, and refreshed alone: a statement that holds the locks of many sessions
 * and waits for another one could deadlock, and one client would delay all others of its group. */
const struct postgres_statement store_sessions_rotate = {
	"sessions_rotate",
	"WITH free AS (SELECT place, sessions.id AS session, asked.counter AS expected, asked.address AS client"
	" FROM jsonb_to_recordset($1::jsonb) AS asked (place bigint, id uuid, counter bigint, cookie boolean, address text)"
	" JOIN sessions ON sessions.id = asked.id AND sessions.counter = asked.counter AND sessions.cookie = asked.cookie"
	" FOR NO KEY UPDATE OF sessions SKIP LOCKED)"
	" UPDATE sessions SET counter = expected + 1, address = client, used_at = now(), rotated_at = now(),"
	" expires_at = " EXPIRES_AT("$2", "$3", "$4") " FROM free, users"
	" WHERE sessions.id = session AND counter = expected AND users.id = sessions.user_id"
	" AND " IS_GOOD("$2", "$3", "$4") " RETURNING " REFRESHED ", place",
};

/* Of several calls with one counter the first rotates. The others wait for its lock and then see its row: their counter has
 * become the one before, replaced a moment ago. */
const struct postgres_statement store_session_refresh = {
	"session_refresh",
	"UPDATE sessions SET counter = $2::bigint + 1, address = $4::text, used_at = now(), rotated_at ="
	" CASE WHEN counter = $2::bigint THEN now() ELSE rotated_at END,"
	" expires_at = " EXPIRES_AT("$6", "$7", "$8") " FROM users"
	" WHERE sessions.id = $1::uuid AND users.id = sessions.user_id AND sessions.cookie = $3::boolean"
	" AND (counter = $2::bigint OR (counter = $2::bigint + 1 AND rotated_at + " SECONDS("$5") " > now()))"
	" AND " IS_GOOD("$6", "$7", "$8") " RETURNING " REFRESHED,
};

const struct postgres_statement store_session_misused = {
	"session_misused",
	"WITH misused AS (UPDATE sessions SET reused_at = now()"
	" WHERE id = $1::uuid AND reused_at IS NULL AND expires_at > now() AND (counter > $2::bigint + 1"
	" OR (counter = $2::bigint + 1 AND rotated_at + " SECONDS("$3") " <= now())) RETURNING id, user_id),"
	" revoked AS (" REVOKE("misused", "$4") "),"
	EVENT_OF("change", "'session_misused'", "misused.user_id", "misused.id", "misused", "$5") ","
	NOTICE("session_reused", "(SELECT users.id, email FROM misused JOIN users ON users.id = user_id) of_user")
	" SELECT user_id, true FROM misused UNION ALL SELECT user_id, false FROM sessions"
	" WHERE id = $1::uuid AND reused_at IS NOT NULL",
};

const struct postgres_statement store_sessions_of_user = {
	"sessions_of_user",
	"SELECT " SESSION " FROM sessions JOIN users ON users.id = sessions.user_id"
	" WHERE user_id = $1::bigint AND " IS_GOOD("$2", "$3", "$4") " ORDER BY used_at DESC, sessions.id DESC LIMIT 1000",
	true,
};

const struct postgres_statement store_session_end = {
	"session_end",
	"WITH gone AS (DELETE FROM sessions WHERE id = $1::uuid AND user_id = $2::bigint RETURNING id, user_id),"
	" revoked AS (" REVOKE("gone", "$3") "),"
	EVENT_OF("use", "CASE WHEN origin.session = gone.id THEN 'logout' ELSE 'session_ended' END", "gone.user_id", "gone.id",
		 "gone", "$4")
	" SELECT id FROM gone UNION ALL SELECT jti FROM revoked_tokens WHERE jti = $1::uuid AND user_id = $2::bigint",
};

#define AGENT "($6::jsonb ->> 'agent')"

/* A row that was inserted has no xmax; one that was there has this statement's. Whether the user has another device is asked of
 * the table as it was before, so that the first one, of a registration, is no news. The browser of an earlier session is known
 * too, because sessions are older than the table of devices: without them an attacker who logs in first after an upgrade would
 * not be reported, and the user would be, after that. A session of this minute may be of this login, or of an attacker's other
 * one. */
const struct postgres_statement store_device_note = {
	"device_note",
	"WITH noted AS (INSERT INTO devices (user_id, agent) SELECT id, $2::text FROM users WHERE id = $1::bigint"
	" ON CONFLICT (user_id, agent) DO UPDATE SET used_at = now() RETURNING user_id, xmax = 0 AS is_new),"
	" surplus AS (DELETE FROM devices WHERE user_id = $1::bigint AND agent IN (SELECT agent FROM devices"
	" WHERE user_id = $1::bigint AND agent <> $2::text ORDER BY used_at DESC, agent OFFSET $4::bigint - 1)),"
	" news AS (SELECT id, email FROM noted JOIN users ON users.id = user_id WHERE is_new AND (EXISTS (SELECT FROM devices"
	" WHERE user_id = $1::bigint) OR EXISTS (SELECT FROM sessions"
	" WHERE user_id = $1::bigint AND user_agent <> " AGENT ")) AND NOT EXISTS (SELECT FROM sessions"
	" WHERE user_id = $1::bigint AND user_agent = " AGENT " AND created_at < now() - interval '1 minute')),"
	EVENT("use", "'new_device'", "news", "$6")
	" INSERT INTO outbox (template, recipient, parameters)"
	" SELECT 'new_device', email, jsonb_build_object('user', id, 'address', $3::text) FROM news WHERE (SELECT count(*)"
	" FROM outbox WHERE recipient = email) < " WAITING_MAX " AND (SELECT count(*) FROM devices"
	" WHERE user_id = $1::bigint AND created_at > now() - interval '1 hour') < $5::bigint RETURNING id",
};

const struct postgres_statement store_sessions_end_others = {
	"sessions_end_others",
	"WITH " OTHERS_OF("$1") ", " END_OTHERS("target", "$2", "$3") ","
	EVENT("use", "'sessions_ended'", "ended", "$4")
	" SELECT " OTHERS " FROM ended LEFT JOIN kept ON true",
};

/* Goes through the table by pages of the primary key, because an index of expires_at would have to be written at each refresh.
 */
const struct postgres_statement store_sessions_prune = {
	"sessions_prune",
	"WITH page AS (SELECT id FROM sessions WHERE id > $1::uuid ORDER BY id LIMIT $2::bigint),"
	" bad AS (SELECT sessions.id FROM page JOIN sessions USING (id) JOIN users ON users.id = sessions.user_id"
	" WHERE NOT (" IS_GOOD_AT(LONG_AGO("$6"), "$3", "$4", "$5")
	" OR (sessions.reused_at IS NOT NULL AND sessions.expires_at > " LONG_AGO("$6") "))"
	" FOR UPDATE OF sessions SKIP LOCKED),"
	" gone AS (DELETE FROM sessions USING bad WHERE sessions.id = bad.id),"
	" ended AS (DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < " LONG_AGO("$6")
	" LIMIT $2::bigint FOR UPDATE SKIP LOCKED)),"
	" logins AS (DELETE FROM passkey_logins WHERE expires_at < " LONG_AGO("$6") "),"
	" old AS (DELETE FROM revoked_tokens WHERE expires_at < " LONG_AGO("$6") ")"
	" SELECT id FROM page ORDER BY id DESC LIMIT 1",
};

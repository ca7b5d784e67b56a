/* Pieces of SQL that several files of this folder share. */
#ifndef ABACUS_USERS_STORE_STORE_INTERNAL_H
#define ABACUS_USERS_STORE_STORE_INTERNAL_H

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

#define USER "users.id, users.username, users.email, users.active, users.admin, users.password_hash"

#define SECONDS(parameter) parameter "::bigint * interval '1 second'"

/* What ended before this moment is deleted: neither a clock of Postgres's nor one of the daemon's that is ahead, alone or by up
 * to an hour with the other one, deletes what still counts when it is set back. now_s: Unix s of the daemon's clock. */
#define LONG_AGO(now_s) "(least(now(), to_timestamp(" now_s "::bigint)) - interval '1 hour')"

/* A window in which something is counted. One that begins in the future began before Postgres's clock was set back, and is over,
 * so that no client waits for the clock; a moment is spared, because a transaction may have begun before another one's. */
#define WINDOW_IS_OVER(since, length) \
	"(" since " + " length " <= now() OR " since " > now() + interval '1 minute')"

/* Records an event for each row of a query: of which user, and with which session. origin: a parameter, which
 * events/event_origin.h makes; null: nothing is recorded. A trigger bounds how many events of each kind a user has
 * (0014_separate_limits). */
#define ORIGIN(origin) \
	" jsonb_to_record(coalesce(" origin "::jsonb, '{}'::jsonb)) AS origin (actor bigint, session uuid, network text," \
	" agent text, request text)"
#define EVENT_COLUMNS " INTO events (class, event, user_id, actor_id, session_id, network, user_agent, request_id)"
#define EVENT_AS(name, class, event, user, session, query, origin) \
	" " name " AS (INSERT" EVENT_COLUMNS " SELECT '" class "', " event ", " user ", origin.actor, " session "," \
	" origin.network, origin.agent, origin.request FROM " query "," ORIGIN(origin) \
	" WHERE " origin "::jsonb IS NOT NULL)"
#define EVENT_OF(class, event, user, session, query, origin) EVENT_AS("recorded", class, event, user, session, query, origin)
/* Of each user of a query that has their id. */
#define EVENT(class, event, query, origin) EVENT_OF(class, event, query ".id", "origin.session", query, origin)
/* What any client can cause is counted in one row for each network and day. */
#define COUNTED \
	" ON CONFLICT (user_id, event, network, ((at AT TIME ZONE 'UTC')::date)) WHERE class = 'attempt' DO UPDATE" \
	" SET count = events.count + excluded.count, last_at = excluded.at, user_agent = excluded.user_agent," \
	" request_id = excluded.request_id"

/* Largest number of messages that wait for one address: further notices are dropped, so that a client which changes a password
 * again and again does not fill the outbox. */
#define WAITING_MAX "20"
/* Writes a message to each user of a query that has their id and email. The id leads the notice to the user's open pages. */
#define NOTICE_AS(name, template, parameters, query) \
	" " name " AS (INSERT INTO outbox (template, recipient, parameters)" \
	" SELECT '" template "', email, jsonb_build_object('user', id) || " parameters " FROM " query \
	" WHERE (SELECT count(*) FROM outbox WHERE recipient = email) < " WAITING_MAX ")"
#define NOTICE_WITH(template, parameters, query) NOTICE_AS("noticed", template, parameters, query)
#define NOTICE(template, query) NOTICE_WITH(template, "'{}'::jsonb", query)

/* The hour in which messages with links that confirm an address are counted. */
#define LINK_WINDOW_IS_OVER WINDOW_IS_OVER("email_links.since", "interval '1 hour'")

#define HAS_FACTOR(user) "EXISTS (SELECT FROM factors WHERE user_id = " user " AND activated_at IS NOT NULL)"

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define AUTHENTICATED_S(table) "floor(extract(epoch FROM " table ".created_at))::bigint"
#define REMAINING_S "greatest(1, floor(extract(epoch FROM sessions.expires_at - now())))::bigint"

/* The user whose tokens a change ends. */
#define OTHERS_OF(user) \
	"target AS MATERIALIZED (SELECT id, email, tokens_dead_until_ms AS was FROM users" \
	" WHERE id = " user "::bigint AND active FOR NO KEY UPDATE)"
/* Ends all tokens and sessions but one of the user of a WITH query that has id and was of OTHERS_OF. A session stays only if it
 * was good before this change, so that it does not survive a change of password that came between the check of the token and
 * now. */
#define END_OTHERS(query, session, now_ms) END_OTHERS_AND("", query, session, now_ms)
/* also: what else is set of the user, because one statement updates a row once. */
#define END_OTHERS_AND(also, query, session, now_ms) \
	"ended AS (UPDATE users SET tokens_dead_until_ms = greatest(" now_ms "::bigint, was + 1)" also " FROM " query \
	" WHERE users.id = " query ".id RETURNING users.id, tokens_dead_until_ms AS until_ms, was)," \
	" gone AS (DELETE FROM sessions USING ended" \
	" WHERE user_id = ended.id AND sessions.id IS DISTINCT FROM " session "::uuid)," \
	" kept AS (UPDATE sessions SET generation = until_ms FROM ended" \
	" WHERE sessions.id = " session "::uuid AND user_id = ended.id AND generation >= was AND reused_at IS NULL" \
	" AND expires_at > now() RETURNING " AUTHENTICATED_S("sessions") " AS authenticated_s, " REMAINING_S \
	" AS remaining_s)"
#define OTHERS "until_ms, false, was, authenticated_s, remaining_s"

/* Of a row of factors: the telephone number, or the address. */
#define CODES_GO_TO(email) "coalesce(phone, pinned_email, " email ")"
#define IS_MTAN_OF(user) "factors.user_id = " user " AND factors.method = 'mtan' AND factors.activated_at IS NOT NULL"
#define IS_PENDING(user, id, age) \
	"factors.id = " id "::uuid AND factors.user_id = " user " AND factors.activated_at IS NULL" \
	" AND factors.created_at + " SECONDS(age) " > now()"

/* The ids of a user's passkeys, with blanks between. */
#define CREDENTIALS(user) \
	"(SELECT coalesce(string_agg(credential_id, ' ' ORDER BY factor_id), '') FROM passkeys" \
	" JOIN factors ON factors.id = factor_id WHERE user_id = " user " AND activated_at IS NOT NULL)"

/* Of challenges and their user: $1 is the challenge, $2 its client, $3 the tries of a challenge. */
#define CAN_BE_ANSWERED \
	"challenges.id = $1::uuid AND challenges.client = $2::text AND challenges.answered_at IS NULL" \
	" AND challenges.tries < $3::bigint AND challenges.expires_at > now()" \
	" AND challenges.generation = tokens_dead_until_ms"
/* The order of the locks, and that a proof is looked at after them, decide which of two uses at once is the first. */
#define ANSWERED \
	"WITH owner AS MATERIALIZED (SELECT users.id FROM challenges JOIN users ON users.id = user_id" \
	" WHERE challenges.id = $1::uuid AND users.active FOR KEY SHARE OF users)," \
	" challenge AS MATERIALIZED (SELECT challenges.id, user_id FROM challenges JOIN owner ON owner.id = user_id" \
	" WHERE challenges.id = $1::uuid AND answered_at IS NULL AND expires_at > now() FOR UPDATE OF challenges),"
#define ANSWER \
	" UPDATE challenges SET answered_at = now(), expires_at = now() + " SECONDS("$2") " FROM proven" \
	" WHERE challenges.id = $1::uuid AND challenges.user_id = proven.user_id RETURNING proven.user_id"
/* A right proof forgets the wrong ones of both kinds of challenges. */
#define NO_TRIES "tries = 0, confirmation_tries = 0"
#define FORGET_TRIES \
	" forgotten AS (UPDATE factor_settings settings SET " NO_TRIES " FROM proven WHERE settings.user_id = proven.user_id)"

#endif

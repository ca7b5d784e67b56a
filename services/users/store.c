#include "store.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

#define USER "users.id, users.username, users.email, users.active, users.admin, users.password_hash"
/* Without an active admin, nothing in the API could make another one. So a change that could remove one first locks its user
 * and all active admins, in the order of their ids so that two changes never wait for each other, and then decides by the rows
 * as they are after the wait: of two admins who remove each other at once, the second is refused. */
#define TARGET \
	"locked AS MATERIALIZED (SELECT id, email, password_hash, username AS old_username, active AS was_active, admin" \
	" AS was_admin, admin AND active AS is_admin FROM users WHERE id = $1 OR (admin AND active) ORDER BY id" \
	" FOR NO KEY UPDATE)," \
	" target AS (SELECT id, email, old_username, was_active, was_admin, is_admin AND NOT EXISTS (SELECT" \
	" FROM locked other WHERE other.is_admin AND other.id <> locked.id) AS is_last_admin FROM locked WHERE id = $1)"

/* Sets what was given of a name and an e-mail; null leaves the other as it is. */
#define SET_FIELDS(username, email) \
	"username = coalesce(normalize(" username "::text, NFC), users.username), skeleton =" \
	" CASE WHEN " username "::text IS NULL THEN users.skeleton ELSE users_skeleton(" username "::text) END," \
	" email = coalesce(" email "::text, users.email), email_verified_at = CASE WHEN coalesce(" email "::text," \
	" users.email) = users.email THEN users.email_verified_at END"

#define SECONDS(parameter) parameter "::bigint * interval '1 second'"

/* Records an event for each row of a query: of which user, and with which session. origin: a parameter, which
 * events/event_origin.h makes; null: nothing is recorded. A trigger bounds how many events a user has (0008_events). */
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
#define NOTICE_WITH(template, parameters, query) \
	" noticed AS (INSERT INTO outbox (template, recipient, parameters)" \
	" SELECT '" template "', email, jsonb_build_object('user', id) || " parameters " FROM " query \
	" WHERE (SELECT count(*) FROM outbox WHERE recipient = email) < " WAITING_MAX ")"
#define NOTICE(template, query) NOTICE_WITH(template, "'{}'::jsonb", query)

/* Follows `changed`, which has the id, the email, and as old_email the one before: when it is another one, the links that were
 * sent before end, so that none makes another address the user's again, and the address of before gets a last message. */
#define MOVED \
	" moved AS (SELECT id, old_email AS email FROM changed WHERE email <> old_email)," \
	" unlinked AS (DELETE FROM password_resets USING moved WHERE user_id = moved.id)," \
	" unasked AS (UPDATE email_links SET id = NULL FROM moved WHERE user_id = moved.id)," \
	NOTICE("email_changed", "moved")

/* Follows MOVED. Codes by message go to the address of before when another user made the change, so that no admin gets them;
 * what the user changes, a code has confirmed. One that is pending is pinned too, because it may be activated meanwhile. */
#define PIN_CODES(origin) \
	" pinned AS (UPDATE factors SET pinned_email = moved.email FROM moved" \
	" WHERE user_id = moved.id AND method = 'mtan' AND phone IS NULL AND pinned_email IS NULL" \
	" AND (" origin "::jsonb ->> 'actor')::bigint IS DISTINCT FROM moved.id)"
#define UNPIN_CODES \
	" unpinned AS (UPDATE factors SET pinned_email = NULL FROM moved" \
	" WHERE user_id = moved.id AND pinned_email IS NOT NULL)"

#define WAS " target.email AS old_email, old_username, was_active, was_admin"
/* Follows `changed`, which has the user as it is and was: an event for each member that is another one now. */
#define CHANGES(origin) \
	" recorded AS (INSERT" EVENT_COLUMNS " SELECT 'change', what.event, changed.id, origin.actor, origin.session," \
	" origin.network, origin.agent, origin.request" \
	" FROM changed, LATERAL (VALUES ('username_changed', username <> old_username), ('email_changed'," \
	" email <> old_email), (CASE WHEN active THEN 'user_activated' ELSE 'user_deactivated' END, active <> was_active)," \
	" (CASE WHEN admin THEN 'admin_granted' ELSE 'admin_revoked' END, admin <> was_admin)) AS what (event," \
	" is_so)," ORIGIN(origin) " WHERE is_so)"

const struct postgres_statement store_user_insert = {
	"user_insert",
	"WITH added AS (INSERT INTO users (username, skeleton, email, password_hash)"
	" VALUES (normalize($1, NFC), users_skeleton($1), $2, $3) RETURNING id),"
	EVENT("change", "CASE WHEN origin.actor IS NULL THEN 'registered' ELSE 'user_added' END", "added", "$4")
	" SELECT id FROM added",
};

const struct postgres_statement store_user_insert_if_absent = {
	"user_insert_if_absent",
	"WITH added AS (INSERT INTO users (username, skeleton, email, password_hash, admin, email_verified_at)"
	" VALUES (normalize($1, NFC), users_skeleton($1), $2, $3, $4::boolean, now()) ON CONFLICT DO NOTHING RETURNING id)"
	" INSERT INTO events (class, event, user_id)"
	" SELECT 'change', 'user_added', id FROM added",
};

const struct postgres_statement store_user_insert_with_mtan = {
	"user_insert_with_mtan",
	"WITH added AS (INSERT INTO users (username, skeleton, email, password_hash, email_verified_at)"
	" VALUES (normalize($1, NFC), users_skeleton($1), $2, $3, now()) ON CONFLICT DO NOTHING RETURNING id),"
	" recorded AS (INSERT INTO events (class, event, user_id) SELECT 'change', 'user_added', id FROM added),"
	" settings AS (INSERT INTO factor_settings (user_id, asked) SELECT id, 'sensitive' FROM added)"
	" INSERT INTO factors (id, user_id, method, secret, activated_at)"
	" SELECT $4::uuid, id, 'mtan', '', now() FROM added",
};

#define HAS_FACTOR(user) "EXISTS (SELECT FROM factors WHERE user_id = " user " AND activated_at IS NOT NULL)"

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

const struct postgres_statement store_user_by_id = {
	"user_by_id",
	"SELECT " USER " FROM users WHERE id = $1",
	true,
};

const struct postgres_statement store_user_of_token = {
	"user_of_token",
	"SELECT " USER ", tokens_dead_until_ms >= $3::bigint OR revoked.jti IS NOT NULL, coalesce(revoked.inactive, false),"
	" " HAS_FACTOR("users.id") " FROM users LEFT JOIN LATERAL (SELECT jti, inactive FROM revoked_tokens"
	" WHERE jti IN ($2::uuid, $4::uuid) ORDER BY inactive DESC LIMIT 1) revoked ON true WHERE users.id = $1",
	true,
};

const struct postgres_statement store_users_page = {
	"users_page",
	"SELECT " USER " FROM users WHERE id > $1 ORDER BY id LIMIT $2::bigint",
	true,
};

/* Looks at a window of the users behind the cursor, in the order of an index, so that it costs as much whatever is asked for
 * and however many users there are. An index for parts of words (pg_trgm) would be written at each registration. */
#define SEEN_USERS_MAX "20000"
#define FOUND_USERS(name, key, behind, order, begins)                                                                     \
	{                                                                                                                 \
		name,                                                                                                     \
			"WITH seen AS MATERIALIZED (SELECT id, username, email, active, admin, " key " AS key FROM users" \
			" WHERE " behind " ORDER BY " key order " LIMIT " SEEN_USERS_MAX "),"                             \
			" edge AS (SELECT id FROM seen ORDER BY key" order " OFFSET " SEEN_USERS_MAX " - 1),"             \
			" found AS (SELECT * FROM seen WHERE ($2::text IS NULL OR"                                        \
			" strpos(lower(username), lower(normalize($2::text, NFC))) > 0 OR"                                \
			" strpos(lower(email), lower($2::text)) > 0) AND ($3::boolean IS NULL OR active = $3::boolean)"   \
			" AND ($4::boolean IS NULL OR admin = $4::boolean) ORDER BY key" order " LIMIT $1::bigint)"       \
			" SELECT found.id, username, email, active, admin, edge.id, " begins " FROM (SELECT) AS one"      \
			" LEFT JOIN edge ON true LEFT JOIN found ON true ORDER BY found.key" order,                       \
			true                                                                                              \
	}
/* The cursor is an id alone, because addresses get into logs with it. */
#define TEXT_OF_CURSOR(key) "(SELECT " key " FROM users WHERE id = $5::bigint)"
#define BEGINS_AT_A_USER "$5::bigint = 0 OR EXISTS (SELECT FROM users WHERE id = $5::bigint)"
#define FOUND_BY_TEXT(name, key) \
	FOUND_USERS(name, key, key " > coalesce(" TEXT_OF_CURSOR(key) ", '')", "", BEGINS_AT_A_USER)
/* The index is of the text alone; the id decides whether the cursor itself is meant, which it is to begin. */
#define FOUND_BY_TEXT_DESCENDING(name, key) \
	FOUND_USERS(name, key, "(" key ", id) < (coalesce(" TEXT_OF_CURSOR(key) ", (SELECT max(" key ")" \
		    " FROM users)), CASE WHEN $5::bigint = 0 THEN 9223372036854775807 ELSE 0 END)", " DESC", BEGINS_AT_A_USER)

const struct postgres_statement store_users_found_by_id =
	FOUND_USERS("users_found_by_id", "id", "id > $5::bigint", "", "true");
const struct postgres_statement store_users_found_by_id_descending =
	FOUND_USERS("users_found_by_id_descending", "id", "id < $5::bigint", " DESC", "true");
const struct postgres_statement store_users_found_by_username = FOUND_BY_TEXT("users_found_by_username", "lower(username)");
const struct postgres_statement store_users_found_by_username_descending =
	FOUND_BY_TEXT_DESCENDING("users_found_by_username_descending", "lower(username)");
const struct postgres_statement store_users_found_by_email = FOUND_BY_TEXT("users_found_by_email", "lower(email)");
const struct postgres_statement store_users_found_by_email_descending =
	FOUND_BY_TEXT_DESCENDING("users_found_by_email_descending", "lower(email)");

const struct postgres_statement store_user_taken = {
	"user_taken",
	"SELECT EXISTS (SELECT FROM users WHERE id <> $3::bigint AND (lower(username) = lower(normalize($1::text, NFC))"
	" OR skeleton = users_skeleton($1::text))), EXISTS (SELECT FROM users"
	" WHERE id <> $3::bigint AND lower(email) = lower($2::text))",
	true,
};

const struct postgres_statement store_user_change = {
	"user_change",
	"WITH " TARGET ","
	" changed AS (UPDATE users SET active = coalesce($2::boolean, active), admin = coalesce($3::boolean, admin),"
	" tokens_dead_until_ms = CASE WHEN active <> coalesce($2::boolean, active) THEN greatest($4::bigint,"
	" tokens_dead_until_ms + 1) ELSE tokens_dead_until_ms END, " SET_FIELDS("$5", "$6") " FROM target"
	" WHERE users.id = target.id AND NOT (is_last_admin AND NOT (coalesce($2::boolean, true) AND coalesce($3::boolean,"
	" true))) RETURNING " USER ", tokens_dead_until_ms," WAS "),"
	MOVED ","
	PIN_CODES("$7") ","
	CHANGES("$7")
	" SELECT changed.* FROM target LEFT JOIN changed ON changed.id = target.id",
};

const struct postgres_statement store_user_delete = {
	"user_delete",
	"WITH " TARGET ","
	" asked AS (SELECT target.* FROM target JOIN locked USING (id) WHERE $3::text IS NULL OR password_hash = $3::text),"
	" gone AS (DELETE FROM users USING asked WHERE users.id = asked.id AND NOT is_last_admin RETURNING users.id),"
	" noted AS (INSERT INTO deleted_users SELECT id, now() + $2::bigint * interval '1 second' FROM gone),"
	" forgotten AS (DELETE FROM events USING gone WHERE user_id = gone.id AND class <> 'change'),"
	EVENT("change", "'user_deleted'", "gone", "$4")
	" SELECT gone.id FROM asked LEFT JOIN gone ON gone.id = asked.id",
};

const struct postgres_statement store_account_change = {
	"account_change",
	"WITH target AS MATERIALIZED (SELECT id, email, username AS old_username, active AS was_active, admin AS was_admin"
	" FROM users WHERE id = $1::bigint AND active AND password_hash = $4::text FOR NO KEY UPDATE),"
	" changed AS (UPDATE users SET " SET_FIELDS("$2", "$3") " FROM target WHERE users.id = target.id"
	" RETURNING " USER "," WAS "),"
	MOVED ","
	UNPIN_CODES ","
	CHANGES("$5")
	" SELECT * FROM changed",
};

/* The user is locked before its resets, as password_reset does, so that neither waits for the other. */
const struct postgres_statement store_password_set = {
	"password_set",
	"WITH changed AS (UPDATE users SET password_hash = $2, tokens_dead_until_ms = greatest($4::bigint,"
	" tokens_dead_until_ms + 1) WHERE id = $1 AND password_hash = $3 RETURNING id, email),"
	" gone AS (DELETE FROM password_resets USING changed WHERE user_id = changed.id),"
	NOTICE("password_changed", "changed") ","
	EVENT("change", "'password_changed'", "changed", "$5")
	" SELECT lower(email) FROM changed",
};

#define IS_GOOD_RESET(user) \
	"password_resets.id = $2::uuid AND password_resets.user_id = " user ".id AND password_resets.email = " user ".email" \
	" AND password_resets.expires_at > now()"

const struct postgres_statement store_user_of_reset = {
	"user_of_reset",
	"SELECT " USER " FROM users JOIN password_resets ON " IS_GOOD_RESET("users") " WHERE users.id = $1 AND active",
	true,
};

const struct postgres_statement store_password_reset = {
	"password_reset",
	"WITH target AS MATERIALIZED (SELECT id, email FROM users WHERE id = $1 AND active FOR NO KEY UPDATE),"
	" used AS (DELETE FROM password_resets USING target WHERE " IS_GOOD_RESET("target") " RETURNING user_id),"
	" others AS (DELETE FROM password_resets USING used"
	" WHERE password_resets.user_id = used.user_id AND password_resets.id <> $2::uuid),"
	" changed AS (UPDATE users SET password_hash = $3, tokens_dead_until_ms = greatest($4::bigint,"
	" tokens_dead_until_ms + 1), email_verified_at = now() FROM used WHERE users.id = used.user_id"
	" RETURNING users.id, email),"
	" asked AS (UPDATE factor_settings SET asked = 'login' FROM used WHERE factor_settings.user_id = used.user_id),"
	NOTICE("password_changed", "changed") ","
	EVENT("change", "'password_reset'", "changed", "$5")
	" SELECT lower(email) FROM changed",
};

const struct postgres_statement store_password_forgotten = {
	"password_forgotten",
	"INSERT INTO forgotten_passwords (email, network, user_agent, request_id)"
	" SELECT lower($1), origin.network, origin.agent, origin.request FROM" ORIGIN("$3") " WHERE (SELECT count(*)"
	" FROM forgotten_passwords) < $2::bigint ON CONFLICT DO NOTHING",
};

#define GOOD_RESETS_OF(user) "(SELECT count(*) FROM password_resets WHERE user_id = " user ".id AND expires_at > now())"
/* A message for each link of a query, which has no secret. */
#define SEND_LINK(query) \
	"INSERT INTO outbox (template, recipient, parameters, expires_at)" \
	" SELECT 'password_reset', email, jsonb_build_object('reset', id, 'user', user_id), expires_at FROM " query

/* A tenth of a second more than the second itself, because a note may have begun within it. */
const struct postgres_statement store_password_resets_begin = {
	"password_resets_begin",
	"WITH taken AS (DELETE FROM forgotten_passwords asked USING (SELECT email, asked_s FROM forgotten_passwords"
	" WHERE asked_s < floor(extract(epoch FROM now()) - 0.1) FOR UPDATE SKIP LOCKED) due"
	" WHERE asked.email = due.email AND asked.asked_s = due.asked_s RETURNING asked.*),"
	" owners AS (SELECT users.id, users.email, network, user_agent, request_id FROM (SELECT DISTINCT ON (email) *"
	" FROM taken) asked JOIN users ON lower(users.email) = asked.email"
	" WHERE active AND " GOOD_RESETS_OF("users") " < $1::bigint),"
	" made AS (INSERT INTO password_resets (user_id, email, expires_at) SELECT id, email, now() + " SECONDS("$2")
	" FROM owners RETURNING *),"
	" recorded AS (INSERT INTO events (class, event, user_id, network, user_agent, request_id)"
	" SELECT 'attempt', 'password_forgotten', id, network, user_agent, request_id FROM owners"
	" ORDER BY id" COUNTED ") " SEND_LINK("made"),
};

/* Two admins at once may make a link too many. */
const struct postgres_statement store_user_reset = {
	"user_reset",
	"WITH target AS MATERIALIZED (SELECT id, email, active FROM users WHERE id = $1::bigint FOR KEY SHARE),"
	" made AS (INSERT INTO password_resets (user_id, email, expires_at) SELECT id, email, now() + " SECONDS("$3")
	" FROM target WHERE active AND " GOOD_RESETS_OF("target") " < $2::bigint RETURNING *),"
	" sent AS (" SEND_LINK("made") "),"
	EVENT_OF("change", "'reset_sent'", "made.user_id", "origin.session", "made", "$4")
	" SELECT active, EXISTS (SELECT FROM made) FROM target",
};

/* ---- addresses ---- */

#define LINK_WINDOW_IS_OVER "email_links.since + interval '1 hour' <= now()"

/* Follows `target`: a user's id, email, tokens_dead_until_ms, and the address that is wanted. An address that another user has
 * gets no message, so that its owner is not asked to confirm what can not be, and the client that asked learns nothing. What
 * others have had sent to an address does not count for the user who has it, whom they could otherwise keep from ever proving
 * it. */
#define MAKE_LINK(lifetime, most) \
	" made AS (INSERT INTO email_links (user_id, id, email, generation, expires_at)" \
	" SELECT id, gen_random_uuid(), wanted, tokens_dead_until_ms, now() + " SECONDS(lifetime) " FROM target" \
	" ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, email = excluded.email, generation = excluded.generation," \
	" expires_at = excluded.expires_at, sent = CASE WHEN " LINK_WINDOW_IS_OVER " THEN 1 ELSE email_links.sent + 1 END," \
	" since = CASE WHEN " LINK_WINDOW_IS_OVER " THEN now() ELSE email_links.since END" \
	" WHERE email_links.sent < " most "::bigint OR " LINK_WINDOW_IS_OVER " RETURNING *)," \
	" written AS (INSERT INTO outbox (template, recipient, parameters, expires_at)" \
	" SELECT 'email_link', email, jsonb_build_object('link', id, 'user', user_id), expires_at FROM made" \
	" WHERE NOT EXISTS (SELECT FROM users other" \
	" WHERE lower(other.email) = lower(made.email) AND other.id <> made.user_id)" \
	" AND (lower(made.email) = (SELECT lower(target.email) FROM target) OR (SELECT coalesce(sum(other.sent), 0)" \
	" FROM email_links other WHERE lower(other.email) = lower(made.email)" \
	" AND other.user_id <> made.user_id) < " most "::bigint))"

const struct postgres_statement store_email_link = {
	"email_link",
	"WITH target AS (SELECT id, email, email AS wanted, tokens_dead_until_ms FROM users"
	" WHERE id = $1::bigint AND active)," MAKE_LINK("$2", "$3")
	" SELECT made.user_id IS NOT NULL FROM target LEFT JOIN made ON made.user_id = target.id",
};

const struct postgres_statement store_account_change_waits = {
	"account_change_waits",
	"WITH target AS MATERIALIZED (SELECT id, email, $3::text AS wanted, tokens_dead_until_ms, username AS old_username,"
	" active AS was_active, admin AS was_admin FROM users WHERE id = $1::bigint AND active AND password_hash = $4::text"
	" FOR NO KEY UPDATE)," MAKE_LINK("$6", "$7") ","
	" changed AS (UPDATE users SET " SET_FIELDS("$2", "NULL") " FROM target JOIN made ON made.user_id = target.id"
	" WHERE users.id = target.id RETURNING " USER "," WAS "),"
	CHANGES("$5") "," EVENT_AS("asked", "change", "'email_change_asked'", "changed.id", "origin.session", "changed", "$5")
	" SELECT changed.* FROM target LEFT JOIN changed ON changed.id = target.id",
};

const struct postgres_statement store_email_verify = {
	"email_verify",
	"WITH target AS MATERIALIZED (SELECT id, email, tokens_dead_until_ms FROM users WHERE id = $1::bigint AND active"
	" FOR NO KEY UPDATE),"
	" used AS (UPDATE email_links SET id = NULL FROM target"
	" WHERE email_links.user_id = target.id AND email_links.id = $2::uuid AND generation = tokens_dead_until_ms"
	" AND expires_at > now() RETURNING user_id, email_links.email AS wanted, target.email AS old_email),"
	" changed AS (UPDATE users SET email = wanted, email_verified_at = now() FROM used WHERE users.id = used.user_id"
	" RETURNING users.id, users.email, old_email),"
	MOVED ","
	UNPIN_CODES ","
	EVENT("change", "CASE WHEN email <> old_email THEN 'email_changed' ELSE 'email_verified' END", "changed", "$3")
	" SELECT id FROM changed",
};

/* ---- sessions ---- */

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define SESSION_OF(table) \
	table ".id, " table ".user_agent, " table ".address, " TIME(table ".created_at") ", " TIME(table ".used_at") "," \
	" " TIME(table ".expires_at") ", " table ".remember"
#define SESSION SESSION_OF("sessions")
/* The limits are the parameters most, most_otherwise and idle. */
#define FROM_LOGIN(most, most_otherwise) \
	"(CASE WHEN sessions.remember THEN " SECONDS(most) " ELSE " SECONDS(most_otherwise) " END)"
#define IS_GOOD(most, most_otherwise, idle) \
	"users.active AND sessions.generation >= users.tokens_dead_until_ms AND sessions.reused_at IS NULL" \
	" AND sessions.expires_at > now() AND sessions.used_at + " SECONDS(idle) " > now()" \
	" AND sessions.created_at + " FROM_LOGIN(most, most_otherwise) " > now()"
#define AUTHENTICATED_S(table) "floor(extract(epoch FROM " table ".created_at))::bigint"
#define REMAINING_S "greatest(1, floor(extract(epoch FROM sessions.expires_at - now())))::bigint"
/* Revokes the sessions of a WITH query that has their id and user_id. */
#define REVOKE(query, lifetime) \
	"INSERT INTO revoked_tokens (jti, user_id, inactive, expires_at)" \
	" SELECT id, user_id, false, now() + " SECONDS(lifetime) " FROM " query " ON CONFLICT DO NOTHING"

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
	" revoked AS (" REVOKE("surplus", "$10") "),"
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

/* The user whose tokens a change ends. */
#define OTHERS_OF(user) \
	"target AS MATERIALIZED (SELECT id, email, tokens_dead_until_ms AS was FROM users" \
	" WHERE id = " user "::bigint AND active FOR NO KEY UPDATE)"
/* Ends all tokens and sessions but one of the user of a WITH query that has id and was of OTHERS_OF. A session stays only if it
 * was good before this change, so that it does not survive a change of password that came between the check of the token and
 * now. */
#define END_OTHERS(query, session, now_ms) \
	"ended AS (UPDATE users SET tokens_dead_until_ms = greatest(" now_ms "::bigint, was + 1) FROM " query \
	" WHERE users.id = " query ".id RETURNING users.id, tokens_dead_until_ms AS until_ms, was)," \
	" gone AS (DELETE FROM sessions USING ended" \
	" WHERE user_id = ended.id AND sessions.id IS DISTINCT FROM " session "::uuid)," \
	" kept AS (UPDATE sessions SET generation = until_ms FROM ended" \
	" WHERE sessions.id = " session "::uuid AND user_id = ended.id AND generation >= was AND reused_at IS NULL" \
	" AND expires_at > now() RETURNING " AUTHENTICATED_S("sessions") " AS authenticated_s, " REMAINING_S \
	" AS remaining_s)"
#define OTHERS "until_ms, false, was, authenticated_s, remaining_s"

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
	" WHERE NOT (" IS_GOOD("$3", "$4", "$5") " OR (sessions.reused_at IS NOT NULL AND sessions.expires_at > now()))"
	" FOR UPDATE OF sessions SKIP LOCKED),"
	" gone AS (DELETE FROM sessions USING bad WHERE sessions.id = bad.id),"
	" ended AS (DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < now() LIMIT $2::bigint"
	" FOR UPDATE SKIP LOCKED)),"
	" logins AS (DELETE FROM passkey_logins WHERE expires_at < now()),"
	" old AS (DELETE FROM revoked_tokens WHERE expires_at < now() - interval '1 hour')"
	" SELECT id FROM page ORDER BY id DESC LIMIT 1",
};

/* ---- factors ---- */

/* Of a row of factors: the telephone number, or the address. */
#define CODES_GO_TO(email) "coalesce(phone, pinned_email, " email ")"

const struct postgres_statement store_factors_of_user = {
	"factors_of_user",
	"SELECT asked, cardinality(recovery_hashes), factors.id, method, " TIME("factors.created_at") ", " TIME("used_at") ","
	" name, phone IS NOT NULL, " CODES_GO_TO("users.email") " FROM (SELECT $1::bigint AS id) one"
	" LEFT JOIN users ON users.id = one.id LEFT JOIN factor_settings settings ON settings.user_id = one.id"
	" LEFT JOIN factors ON factors.user_id = one.id AND activated_at IS NOT NULL ORDER BY activated_at, factors.id",
	true,
};

#define IS_MTAN_OF(user) "factors.user_id = " user " AND factors.method = 'mtan' AND factors.activated_at IS NOT NULL"
/* Follows the `changed` of an activation: codes by message go to one place. */
#define REPLACE_CODES \
	" replaced AS (DELETE FROM factors USING changed" \
	" WHERE " IS_MTAN_OF("changed.id") " AND changed.method = 'mtan' AND factors.id <> $4::uuid)"

const struct postgres_statement store_factor_enrol = {
	"factor_enrol",
	"WITH target AS MATERIALIZED (SELECT id FROM users WHERE id = $1::bigint AND active FOR KEY SHARE),"
	" settings AS (INSERT INTO factor_settings (user_id) SELECT id FROM target ON CONFLICT DO NOTHING)"
	" INSERT INTO factors (id, user_id, method, secret, name, phone)"
	" SELECT $2::uuid, id, $3::text, $4::text, $6::text, $7::text FROM target WHERE (SELECT count(*) FROM factors"
	" WHERE user_id = $1::bigint AND activated_at IS NOT NULL) < $5::bigint AND NOT ($3::text = 'mtan' AND EXISTS (SELECT"
	" FROM factors WHERE " IS_MTAN_OF("$1::bigint") " AND phone IS NOT DISTINCT FROM $7::text AND pinned_email IS NULL))"
	" ON CONFLICT (user_id) WHERE activated_at IS NULL DO UPDATE"
	" SET id = excluded.id, method = excluded.method, secret = excluded.secret, name = excluded.name,"
	" phone = excluded.phone, pinned_email = NULL, created_at = now() RETURNING id",
};

#define IS_PENDING(user, id, age) \
	"factors.id = " id "::uuid AND factors.user_id = " user " AND factors.activated_at IS NULL" \
	" AND factors.created_at + " SECONDS(age) " > now()"

const struct postgres_statement store_factor_pending = {
	"factor_pending",
	"SELECT secret, method FROM factors WHERE " IS_PENDING("$1::bigint", "$2", "$3"),
	true,
};

/* What a notice says that was added or removed. */
#define METHOD_TEXT \
	"jsonb_build_object('method', CASE WHEN phone IS NOT NULL THEN 'codes by SMS' WHEN method = 'mtan'" \
	" THEN 'codes by email' WHEN method = 'passkey' THEN 'a passkey' ELSE 'an authenticator app' END)"

/* Whether there are other factors is asked of the table as it was before this statement. */
const struct postgres_statement store_factor_activate = {
	"factor_activate",
	"WITH " OTHERS_OF("$1") ","
	" changed AS (UPDATE factors SET activated_at = now(), used_at = now(), last_step = $5::bigint FROM target"
	" WHERE " IS_PENDING("target.id", "$4", "$6") " RETURNING target.*, method, phone)," REPLACE_CODES ","
	" made AS (INSERT INTO passkeys (factor_id, credential_id, public_key, sign_count)"
	" SELECT $4::uuid, $9::text, $10::text, $11::bigint FROM changed WHERE method = 'passkey'),"
	NOTICE_WITH("factor_added", METHOD_TEXT, "changed") ","
	EVENT("change", "'factor_added'", "changed", "$8") ","
	" codes AS (UPDATE factor_settings SET recovery_hashes = $7::text[], tries = 0 FROM changed"
	" WHERE user_id = changed.id AND NOT " HAS_FACTOR("changed.id")
	" RETURNING user_id), " END_OTHERS("changed", "$2", "$3")
	" SELECT " OTHERS ", EXISTS (SELECT FROM codes) FROM ended LEFT JOIN kept ON true",
};

const struct postgres_statement store_factor_remove = {
	"factor_remove",
	"WITH " OTHERS_OF("$1") ","
	" changed AS (DELETE FROM factors USING target"
	" WHERE factors.id = $4::uuid AND user_id = target.id AND activated_at IS NOT NULL"
	" RETURNING target.*, method, phone),"
	NOTICE_WITH("factor_removed", METHOD_TEXT, "changed") ","
	EVENT("change", "'factor_removed'", "changed", "$5") ","
	" codes AS (UPDATE factor_settings SET recovery_hashes = '{}', asked = 'login' FROM changed"
	" WHERE user_id = changed.id AND NOT EXISTS (SELECT FROM factors"
	" WHERE user_id = changed.id AND activated_at IS NOT NULL AND factors.id <> $4::uuid)),"
	" " END_OTHERS("changed", "$2", "$3")
	" SELECT " OTHERS " FROM ended LEFT JOIN kept ON true",
};

const struct postgres_statement store_recovery_codes_replace = {
	"recovery_codes_replace",
	"WITH " OTHERS_OF("$1") ","
	" changed AS (UPDATE factor_settings SET recovery_hashes = $4::text[] FROM target"
	" WHERE user_id = target.id AND " HAS_FACTOR("target.id") " RETURNING target.*),"
	NOTICE("recovery_codes_replaced", "changed") ","
	EVENT("change", "'recovery_codes_replaced'", "changed", "$5") ", " END_OTHERS("changed", "$2", "$3")
	" SELECT " OTHERS " FROM ended LEFT JOIN kept ON true",
};

const struct postgres_statement store_factor_ask = {
	"factor_ask",
	"WITH changed AS (UPDATE factor_settings SET asked = $2::text"
	" WHERE user_id = $1::bigint AND " HAS_FACTOR("$1::bigint") " RETURNING user_id AS id, asked),"
	EVENT("change", "'factor_asked_' || changed.asked", "changed", "$3")
	" SELECT id FROM changed",
};

const struct postgres_statement store_factor_secrets = {
	"factor_secrets",
	"SELECT id, user_id, secret FROM factors WHERE id > $1::uuid AND secret <> '' ORDER BY id LIMIT $2::bigint",
	true,
};

const struct postgres_statement store_factor_reseal = {
	"factor_reseal",
	"UPDATE factors SET secret = $3 WHERE id = $1::uuid AND secret = $2",
};

/* ---- challenges ---- */

#define CREDENTIALS(user) \
	"(SELECT coalesce(string_agg(credential_id, ' ' ORDER BY factor_id), '') FROM passkeys" \
	" JOIN factors ON factors.id = factor_id WHERE user_id = " user " AND activated_at IS NOT NULL)"

const struct postgres_statement store_challenge_insert = {
	"challenge_insert",
	"WITH added AS (INSERT INTO challenges (id, user_id, generation, client, binding, remember, cookie, expires_at,"
	" action) SELECT $1::uuid, id, tokens_dead_until_ms, $4::text, $5::text, $6::boolean, $7::boolean,"
	" now() + " SECONDS("$8") ", $10::text FROM users"
	" WHERE id = $2::bigint AND active AND tokens_dead_until_ms = coalesce($3::bigint, tokens_dead_until_ms)"
	" RETURNING user_id),"
	" surplus AS (DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE id IN (SELECT id FROM challenges"
	" WHERE user_id = $2::bigint AND EXISTS (SELECT FROM added) ORDER BY expires_at DESC, id DESC OFFSET $9::bigint - 1)"
	" FOR UPDATE SKIP LOCKED))"
	" SELECT (SELECT coalesce(string_agg(DISTINCT method, ' ' ORDER BY method), '') FROM factors"
	" WHERE user_id = added.user_id AND activated_at IS NOT NULL), coalesce((SELECT cardinality(recovery_hashes)"
	" FROM factor_settings WHERE user_id = added.user_id), 0), " CREDENTIALS("added.user_id") " FROM added",
};

#define TRIES_WINDOW_IS_OVER "tries_since + " SECONDS("$5") " <= now()"
#define TRIES_WINDOW_LEFT_S "greatest(1, ceil(extract(epoch FROM tries_since + " SECONDS("$5") " - now())))::bigint"
/* Of `tried`: the newest code was sent where codes go now. */
#define CODE_WENT_WHERE_CODES_GO \
	"EXISTS (SELECT FROM factors WHERE " IS_MTAN_OF("tried.user_id") \
	" AND lower(" CODES_GO_TO("tried.name") ") = lower(mtan_email))"

/* The user's tries are counted as the window says that they stand now. */
const struct postgres_statement store_challenge_try = {
	"challenge_try",
	"WITH owner AS MATERIALIZED (SELECT users.* FROM challenges JOIN users ON users.id = user_id"
	" WHERE challenges.id = $1::uuid AND users.active FOR KEY SHARE OF users),"
	" tried AS (UPDATE challenges SET tries = tries + 1 FROM owner"
	" WHERE challenges.id = $1::uuid AND client = $2::text AND answered_at IS NULL AND tries < $3::bigint"
	" AND expires_at > now() AND generation = tokens_dead_until_ms"
	" RETURNING user_id, lower(email) AS name, admin, password_hash, generation, binding, remember, cookie),"
	" counted AS (UPDATE factor_settings settings"
	" SET tries = CASE WHEN " TRIES_WINDOW_IS_OVER " THEN 1 ELSE tries + 1 END, tries_since ="
	" CASE WHEN " TRIES_WINDOW_IS_OVER " THEN now() ELSE tries_since END FROM tried"
	" WHERE settings.user_id = tried.user_id AND (tries < $4::bigint OR " TRIES_WINDOW_IS_OVER ")"
	" RETURNING settings.user_id)"
	" SELECT tried.*, CASE WHEN settings.user_id IS NOT NULL AND NOT EXISTS (SELECT"
	" FROM counted) THEN " TRIES_WINDOW_LEFT_S " END, factors.id, method, secret, last_step,"
	" CASE WHEN mtan_for = $1::uuid AND " CODE_WENT_WHERE_CODES_GO " THEN mtan_nonce END, mtan_email FROM tried"
	" LEFT JOIN factor_settings settings ON settings.user_id = tried.user_id"
	" LEFT JOIN factors ON factors.user_id = tried.user_id AND activated_at IS NOT NULL ORDER BY factors.id",
};

/* The order of the locks, and that a proof is looked at after them, decide which of two uses at once is the first. */
#define ANSWERED \
	"WITH owner AS MATERIALIZED (SELECT users.id FROM challenges JOIN users ON users.id = user_id" \
	" WHERE challenges.id = $1::uuid AND users.active FOR KEY SHARE OF users)," \
	" challenge AS MATERIALIZED (SELECT challenges.id, user_id FROM challenges JOIN owner ON owner.id = user_id" \
	" WHERE challenges.id = $1::uuid AND answered_at IS NULL AND expires_at > now() FOR UPDATE OF challenges),"
#define ANSWER \
	" UPDATE challenges SET answered_at = now(), expires_at = now() + " SECONDS("$2") " FROM proven" \
	" WHERE challenges.id = $1::uuid AND challenges.user_id = proven.user_id RETURNING proven.user_id"
#define FORGET_TRIES \
	" forgotten AS (UPDATE factor_settings settings SET tries = 0 FROM proven WHERE settings.user_id = proven.user_id)"

const struct postgres_statement store_challenge_totp = {
	"challenge_totp",
	ANSWERED
	" proven AS (UPDATE factors SET last_step = $4::bigint, used_at = now(), secret = coalesce($5::text, secret)"
	" FROM challenge WHERE factors.id = $3::uuid AND factors.user_id = challenge.user_id AND activated_at IS NOT NULL"
	" AND last_step < $4::bigint RETURNING factors.user_id)," FORGET_TRIES ","
	EVENT_OF("use", "'factor_used'", "proven.user_id", "origin.session", "proven", "$6") ANSWER,
};

const struct postgres_statement store_challenge_recovery = {
	"challenge_recovery",
	ANSWERED
	" proven AS (UPDATE factor_settings SET recovery_hashes = array_remove(recovery_hashes, $3::text), tries = 0"
	" FROM challenge WHERE factor_settings.user_id = challenge.user_id AND $3::text = ANY (recovery_hashes)"
	" AND " HAS_FACTOR("challenge.user_id") " RETURNING factor_settings.user_id),"
	EVENT_OF("change", "'recovery_code_used'", "proven.user_id", "origin.session", "proven", "$4") ANSWER,
};

/* The factor is locked before the settings, as factor_remove does. */
const struct postgres_statement store_challenge_mtan = {
	"challenge_mtan",
	ANSWERED
	" used AS (UPDATE factors SET used_at = now() FROM challenge"
	" WHERE factors.user_id = challenge.user_id AND method = 'mtan' AND activated_at IS NOT NULL"
	" RETURNING factors.user_id, challenge.id),"
	" proven AS (UPDATE factor_settings settings SET mtan_for = NULL, mtan_nonce = NULL, tries = 0 FROM used"
	" WHERE settings.user_id = used.user_id AND mtan_for = used.id AND mtan_nonce = $3::uuid RETURNING settings.user_id),"
	EVENT_OF("use", "'factor_used'", "proven.user_id", "origin.session", "proven", "$4") ANSWER,
};

const struct postgres_statement store_challenge_password = {
	"challenge_password",
	ANSWERED
	" proven AS (SELECT user_id FROM challenge JOIN users ON users.id = user_id"
	" WHERE password_hash = $3::text AND NOT " HAS_FACTOR("users.id") ")," FORGET_TRIES ","
	EVENT_OF("use", "'password_confirmed'", "proven.user_id", "origin.session", "proven", "$4") ANSWER,
};

const struct postgres_statement store_confirmation_use = {
	"confirmation_use",
	"DELETE FROM challenges USING users WHERE challenges.id = $1::uuid AND user_id = $2::bigint AND users.id = user_id"
	" AND binding = $3::text AND answered_at IS NOT NULL AND expires_at > now() AND generation = tokens_dead_until_ms"
	" RETURNING challenges.id",
};

/* ---- passkeys ---- */

const struct postgres_statement store_passkey_user = {
	"passkey_user",
	"UPDATE factor_settings SET passkey_handle = coalesce(passkey_handle, $2::text) FROM users"
	" WHERE user_id = $1::bigint AND users.id = user_id"
	" RETURNING passkey_handle, username, email, " CREDENTIALS("$1::bigint"),
};

const struct postgres_statement store_passkey_of_credential = {
	"passkey_of_credential",
	"SELECT users.id, admin, tokens_dead_until_ms, email_verified_at IS NOT NULL, factors.id, public_key, sign_count,"
	" passkey_handle, EXISTS (SELECT FROM passkey_logins WHERE challenge = $2::uuid) OR EXISTS (SELECT FROM challenges"
	" WHERE id = $2::uuid AND answered_at IS NOT NULL) FROM passkeys JOIN factors ON factors.id = factor_id"
	" JOIN users ON users.id = user_id JOIN factor_settings ON factor_settings.user_id = users.id"
	" WHERE credential_id = $1::text AND activated_at IS NOT NULL AND active",
	true,
};

/* Follows `owned`, a factor that is a passkey: it was copied, on this condition. */
#define PASSKEY_COPIED(condition, origin) \
	" copied AS (UPDATE passkeys SET copied_at = now() FROM owned JOIN factors USING (id)" \
	" JOIN users ON users.id = user_id WHERE factor_id = owned.id AND " condition " AND (copied_at IS NULL" \
	" OR copied_at < now() - interval '1 hour') RETURNING users.id, email)," \
	NOTICE("passkey_copied", "copied") "," \
	EVENT_AS("reported", "change", "'passkey_copied'", "copied.id", "origin.session", "copied", origin)

/* Follows `owned`, which has the factor if its user may use it. An authenticator that counts has counted on, so that of two
 * uses at once with one count the second, which waits for the first one's lock, is refused, and is one of a copy. */
#define PASSKEY_USED(count, origin) \
	" counted AS (UPDATE passkeys SET sign_count = " count "::bigint FROM owned" \
	" WHERE factor_id = owned.id AND (sign_count < " count "::bigint OR (sign_count = 0 AND " count "::bigint = 0))" \
	" RETURNING factor_id)," \
	" proven AS (UPDATE factors SET used_at = now() FROM counted WHERE factors.id = counted.factor_id" \
	" RETURNING user_id)," PASSKEY_COPIED("NOT EXISTS (SELECT FROM counted)", origin)

const struct postgres_statement store_challenge_passkey = {
	"challenge_passkey",
	ANSWERED
	" owned AS MATERIALIZED (SELECT factors.id FROM factors JOIN challenge USING (user_id)"
	" WHERE factors.id = $3::uuid AND activated_at IS NOT NULL"
	" FOR NO KEY UPDATE OF factors)," PASSKEY_USED("$4", "$5") "," FORGET_TRIES ","
	EVENT_OF("use", "'factor_used'", "proven.user_id", "origin.session", "proven", "$5") ANSWER,
};

const struct postgres_statement store_passkey_login = {
	"passkey_login",
	"WITH challenge AS (INSERT INTO passkey_logins (challenge, expires_at) VALUES ($1::uuid, now() + " SECONDS("$2") ")"
	" ON CONFLICT DO NOTHING RETURNING challenge),"
	" owned AS MATERIALIZED (SELECT factors.id FROM factors, challenge"
	" WHERE factors.id = $3::uuid AND activated_at IS NOT NULL"
	" FOR NO KEY UPDATE OF factors)," PASSKEY_USED("$4", "$5") ","
	EVENT_OF("use", "'factor_used'", "proven.user_id", "origin.session", "proven", "$5")
	" SELECT user_id FROM proven",
};

const struct postgres_statement store_passkey_copied = {
	"passkey_copied",
	"WITH owned AS (SELECT $1::uuid AS id)," PASSKEY_COPIED("true", "$2")
	" SELECT id FROM copied",
};

/* ---- codes by message ---- */

#define MTAN_WINDOW_IS_OVER "mtans_since + " SECONDS("$6") " <= now()"
/* Follows `subject`, a challenge or an enrolment: id, user_id, recipient, phone, binding, action, ends_at. The newest code
 * takes the place of the one before, whose message is not sent any more if it still waits. */
#define SEND_CODE \
	" wanted AS (SELECT *, coalesce(strpos(',' || lower($7::text), ',' || lower(recipient) || ':') > 0, false)" \
	" AS is_tester FROM subject)," \
	" counted AS (UPDATE factor_settings settings" \
	" SET mtan_for = id, mtan_nonce = $4::uuid, mtan_email = recipient, mtan_at = now(), mtan_tries = 0, mtans =" \
	" CASE WHEN " MTAN_WINDOW_IS_OVER " THEN 1 ELSE mtans + 1 END, mtans_since = CASE WHEN " MTAN_WINDOW_IS_OVER \
	" THEN now() ELSE mtans_since END FROM wanted" \
	" WHERE settings.user_id = wanted.user_id AND (is_tester OR mtans < $5::bigint OR " MTAN_WINDOW_IS_OVER ")" \
	" RETURNING wanted.*)," \
	" superseded AS (DELETE FROM outbox USING counted JOIN factor_settings before USING (user_id)" \
	" WHERE outbox.id = before.mtan_nonce)," \
	" written AS (INSERT INTO outbox (id, channel, template, recipient, parameters, expires_at)" \
	" SELECT $4::uuid, CASE WHEN phone IS NULL THEN 'email' ELSE 'sms' END, 'code', recipient," \
	" jsonb_build_object('mtan', id, 'user', user_id, 'binding', binding, 'action', action), ends_at FROM counted" \
	" WHERE NOT is_tester)" \
	" SELECT CASE WHEN counted.id IS NULL THEN greatest(1," \
	" ceil(extract(epoch FROM mtans_since + " SECONDS("$6") " - now())))::bigint END FROM wanted" \
	" JOIN factor_settings settings ON settings.user_id = wanted.user_id LEFT JOIN counted ON counted.id = wanted.id"

const struct postgres_statement store_mtan_send = {
	"mtan_send",
	"WITH owner AS MATERIALIZED (SELECT users.id, email, tokens_dead_until_ms FROM challenges"
	" JOIN users ON users.id = user_id WHERE challenges.id = $1::uuid AND users.active FOR KEY SHARE OF users),"
	" subject AS MATERIALIZED (SELECT challenges.id, challenges.user_id, " CODES_GO_TO("email") " AS recipient, phone,"
	" binding, action, expires_at AS ends_at FROM challenges JOIN owner ON owner.id = challenges.user_id"
	" JOIN factors ON " IS_MTAN_OF("owner.id") " WHERE challenges.id = $1::uuid AND client = $2::text"
	" AND answered_at IS NULL AND tries < $3::bigint AND expires_at > now() AND generation = tokens_dead_until_ms"
	" FOR UPDATE OF challenges),"
	SEND_CODE,
};

const struct postgres_statement store_mtan_send_for_factor = {
	"mtan_send_for_factor",
	"WITH subject AS (SELECT factors.id, user_id, coalesce(phone, email) AS recipient, phone, NULL AS binding,"
	" CASE WHEN phone IS NULL THEN 'receive_codes' ELSE 'receive_codes_by_sms' END AS action, now() + " SECONDS("$8")
	" AS ends_at FROM factors JOIN users ON users.id = user_id"
	" WHERE " IS_PENDING("$2::bigint", "$1", "$3") " AND method = 'mtan' AND users.active),"
	SEND_CODE,
};

const struct postgres_statement store_mtan_try_for_factor = {
	"mtan_try_for_factor",
	"UPDATE factor_settings settings SET mtan_tries = mtan_tries + 1 FROM factors"
	" JOIN users ON users.id = factors.user_id"
	" WHERE settings.user_id = factors.user_id AND " IS_PENDING("$1::bigint", "$2", "$3") " AND mtan_for = factors.id"
	" AND mtan_email = coalesce(phone, users.email) AND mtan_tries < $4::bigint AND mtan_at + " SECONDS("$5") " > now()"
	" RETURNING mtan_nonce, mtan_email",
};

const struct postgres_statement store_mtan_of_login = {
	"mtan_of_login",
	"SELECT challenges.id FROM factor_settings settings"
	" JOIN challenges ON challenges.id = mtan_for AND challenges.user_id = settings.user_id"
	" WHERE settings.user_id = $1::bigint AND binding IS NULL AND client = $2::text AND answered_at IS NULL"
	" AND challenges.tries < $3::bigint AND expires_at > now()",
	true,
};

/* ---- revocations ---- */

const struct postgres_statement store_token_revocation = {
	"token_revocation",
	"SELECT extract(epoch FROM expires_at)::bigint FROM revoked_tokens WHERE jti = $1::uuid",
	true,
};

const struct postgres_statement store_tokens_end = {
	"tokens_end",
	"WITH ended AS (UPDATE users SET tokens_dead_until_ms = greatest($2::bigint, tokens_dead_until_ms + 1) WHERE id = $1"
	" RETURNING id, tokens_dead_until_ms AS until_ms, NOT active AS is_inactive),"
	EVENT("change", "'sessions_ended'", "ended", "$3")
	" SELECT until_ms, is_inactive FROM ended",
};

const struct postgres_statement store_password_replace = {
	"password_replace",
	"UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
};

const struct postgres_statement store_token_revoke = {
	"token_revoke",
	"WITH expired AS (DELETE FROM revoked_tokens WHERE expires_at < now() - interval '1 hour'),"
	" revoked AS (INSERT INTO revoked_tokens (jti, user_id, inactive, expires_at)"
	" VALUES ($1::uuid, $2::bigint, $3::boolean, to_timestamp($4::bigint)) ON CONFLICT DO NOTHING"
	" RETURNING user_id AS id)"
	" INSERT" EVENT_COLUMNS
	" SELECT 'use', 'logout', revoked.id, origin.actor, origin.session, origin.network, origin.agent, origin.request"
	" FROM revoked," ORIGIN("$5") " WHERE $5::jsonb IS NOT NULL",
};

const struct postgres_statement store_revoked_tokens = {
	"revoked_tokens",
	"SELECT jti, inactive, extract(epoch FROM expires_at)::bigint FROM revoked_tokens"
	" WHERE jti > $1::uuid AND expires_at > now() - interval '1 hour' ORDER BY jti LIMIT $2::bigint",
	true,
};

/* A deleted user's expires_at is of the lifetime that was configured then. So it is compared as if the user had been deleted at
 * that moment, which is later than it was, because the lifetime may have become longer since. */
const struct postgres_statement store_revoked_users = {
	"revoked_users",
	"SELECT id, tokens_dead_until_ms, NOT active FROM users WHERE id > $1::bigint AND (tokens_dead_until_ms > $3::bigint)"
	" UNION ALL SELECT user_id, 9223372036854775807, true FROM deleted_users"
	" WHERE user_id > $1::bigint AND expires_at > to_timestamp($3::bigint / 1000.0) ORDER BY 1 LIMIT $2::bigint",
	true,
};

const struct postgres_statement store_user_revocation = {
	"user_revocation",
	"SELECT tokens_dead_until_ms, NOT active FROM users WHERE id = $1::bigint UNION ALL SELECT 9223372036854775807, true"
	" FROM deleted_users WHERE user_id = $1::bigint",
	true,
};

/* ---- events ---- */

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
	" LIMIT $1::bigint) AND coalesce(last_at, at) < now() - $2::bigint * interval '1 day' FOR UPDATE SKIP LOCKED)",
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

/* ---- mail ---- */

const struct postgres_statement store_outbox_claim = {
	"outbox_claim",
	"UPDATE outbox SET attempt = attempt + 1, due_at = now() + " SECONDS("$2") " FROM (SELECT id FROM outbox"
	" WHERE channel IN ('email', 'sms') AND due_at <= now() AND expires_at > now()"
	" ORDER BY due_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED) due"
	" WHERE outbox.id = due.id RETURNING outbox.id, attempt, channel, template, recipient, parameters,"
	" floor(extract(epoch FROM least(due_at, expires_at)) * 1000)::bigint",
};

/* The pause doubles with each deferral, and is up to a quarter longer or shorter, so that what was deferred at once does not
 * come back at once. */
const struct postgres_statement store_outbox_settle = {
	"outbox_settle",
	"WITH reports AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS reports (id uuid, attempt bigint,"
	" deferred boolean)),"
	" gone AS (DELETE FROM outbox USING reports WHERE outbox.id = reports.id AND NOT deferred)"
	" UPDATE outbox SET attempt = outbox.attempt + 1, deferrals = deferrals + 1,"
	" due_at = now() + interval '1 second' * (0.75 + random() / 2) * least($3::bigint, $2::bigint * 2 ^ least(deferrals,"
	" 20)) FROM reports WHERE outbox.id = reports.id AND outbox.attempt = reports.attempt AND deferred"
	" AND outbox.id NOT IN (SELECT id FROM reports WHERE NOT deferred)",
};

/* It waits for no lock, because another statement could wait for the rows that it holds. */
const struct postgres_statement store_outbox_prune = {
	"outbox_prune",
	"WITH gone AS (DELETE FROM outbox USING (SELECT id FROM outbox WHERE expires_at <= now() FOR UPDATE SKIP LOCKED) old"
	" WHERE outbox.id = old.id RETURNING outbox.id),"
	" links AS (DELETE FROM password_resets USING (SELECT id FROM password_resets WHERE expires_at <= now()"
	" FOR UPDATE SKIP LOCKED) old WHERE password_resets.id = old.id),"
	" addresses AS (DELETE FROM email_links USING (SELECT user_id FROM email_links WHERE expires_at <= now()"
	" FOR UPDATE SKIP LOCKED) old WHERE email_links.user_id = old.user_id)"
	" SELECT (SELECT count(*) FROM gone), count(*), coalesce(floor(extract(epoch FROM now() - min(created_at))),"
	" 0)::bigint FROM outbox WHERE expires_at > now()",
};

const struct postgres_statement *const store_statements[] = {
	&store_user_insert,
	&store_user_by_email,
	&store_user_by_login,
	&store_user_by_id,
	&store_user_of_token,
	&store_users_page,
	&store_user_change,
	&store_user_delete,
	&store_users_found_by_id,
	&store_users_found_by_id_descending,
	&store_users_found_by_username,
	&store_users_found_by_username_descending,
	&store_users_found_by_email,
	&store_users_found_by_email_descending,
	&store_account_change,
	&store_account_change_waits,
	&store_password_set,
	&store_password_replace,
	&store_tokens_end,
	&store_token_revoke,
	&store_revoked_tokens,
	&store_revoked_users,
	&store_user_revocation,
	&store_session_insert,
	&store_sessions_rotate,
	&store_session_refresh,
	&store_session_misused,
	&store_sessions_of_user,
	&store_session_end,
	&store_device_note,
	&store_sessions_end_others,
	&store_sessions_prune,
	&store_token_revocation,
	&store_user_taken,
	/* mail, and what is sent by it */
	&store_outbox_claim,
	&store_outbox_settle,
	&store_outbox_prune,
	&store_user_of_reset,
	&store_password_reset,
	&store_password_forgotten,
	&store_password_resets_begin,
	&store_user_reset,
	&store_email_link,
	&store_email_verify,
	/* factors and challenges */
	&store_factors_of_user,
	&store_factor_enrol,
	&store_factor_pending,
	&store_factor_activate,
	&store_factor_remove,
	&store_recovery_codes_replace,
	&store_factor_ask,
	&store_challenge_insert,
	&store_challenge_try,
	&store_challenge_totp,
	&store_challenge_recovery,
	&store_challenge_password,
	&store_challenge_mtan,
	&store_mtan_send,
	&store_mtan_send_for_factor,
	&store_mtan_try_for_factor,
	&store_mtan_of_login,
	&store_confirmation_use,
	&store_passkey_user,
	&store_passkey_of_credential,
	&store_passkey_copied,
	&store_passkey_login,
	&store_challenge_passkey,
	/* events */
	&store_event_login,
	&store_events_attempted,
	&store_events_prune,
	&store_events_of_user,
	NULL,
};

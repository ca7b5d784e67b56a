#include "store/accounts.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

/* Without an active admin, nothing in the API could make another one. So a change that could remove one first locks its user
 * and all active admins, in the order of their ids so that two changes never wait for each other, and then decides by the rows
 * as they are after the wait: of two admins who remove each other at once, the second is refused. */
#define TARGET \
	"locked AS MATERIALIZED (SELECT id, email, password_hash, username AS old_username, active AS was_active, admin" \
	" AS was_admin, admin AND active AS is_admin FROM users WHERE id = $1 OR (admin AND active) ORDER BY id" \
	" FOR NO KEY UPDATE)," \
	" target AS (SELECT id, email, old_username, was_active, was_admin, is_admin AND NOT EXISTS (SELECT" \
	" FROM locked other WHERE other.is_admin AND other.id <> locked.id) AS is_last_admin FROM locked WHERE id = $1)"

/* Sets what was given of a name and an e-mail; null leaves the other as it is. claimed: what another e-mail is noted as, itself
 * when its user chose it, and NULL when an admin did. */
#define SET_FIELDS(username, email, claimed) \
	"username = coalesce(normalize(" username "::text, NFC), users.username), skeleton =" \
	" CASE WHEN " username "::text IS NULL THEN users.skeleton ELSE users_skeleton(" username "::text) END," \
	" email = coalesce(" email "::text, users.email), email_verified_at = CASE WHEN coalesce(" email "::text," \
	" users.email) = users.email THEN users.email_verified_at END, claimed_email = CASE WHEN coalesce(" email "::text," \
	" users.email) = users.email THEN users.claimed_email ELSE " claimed "::text END"

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
	"WITH added AS (INSERT INTO users (username, skeleton, email, password_hash, claimed_email)"
	" VALUES (normalize($1, NFC), users_skeleton($1), $2, $3, CASE WHEN $4::jsonb ->> 'actor' IS NULL THEN $2 END)"
	" RETURNING id),"
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

const struct postgres_statement store_user_by_id = {
	"user_by_id",
	"SELECT " USER " FROM users WHERE id = $1",
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
	" tokens_dead_until_ms + 1) ELSE tokens_dead_until_ms END, " SET_FIELDS("$5", "$6", "NULL") " FROM target"
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
	" noted AS (INSERT INTO deleted_users SELECT id, to_timestamp($2::bigint) FROM gone),"
	" forgotten AS (DELETE FROM events USING gone WHERE user_id = gone.id AND class <> 'change'),"
	EVENT("change", "'user_deleted'", "gone", "$4")
	" SELECT gone.id FROM asked LEFT JOIN gone ON gone.id = asked.id",
};

const struct postgres_statement store_account_change = {
	"account_change",
	"WITH target AS MATERIALIZED (SELECT id, email, username AS old_username, active AS was_active, admin AS was_admin"
	" FROM users WHERE id = $1::bigint AND active AND password_hash = $4::text FOR NO KEY UPDATE),"
	" changed AS (UPDATE users SET " SET_FIELDS("$2", "$3", "$3") " FROM target WHERE users.id = target.id"
	" RETURNING " USER "," WAS "),"
	MOVED ","
	UNPIN_CODES ","
	CHANGES("$5")
	" SELECT * FROM changed",
};

/* ---- addresses ---- */

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
	" changed AS (UPDATE users SET " SET_FIELDS("$2", "NULL", "NULL") " FROM target JOIN made ON made.user_id = target.id"
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

#include "store/passwords.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

/* The user is locked before its resets, as password_reset does, so that neither waits for the other. */
const struct postgres_statement store_password_set = {
	"password_set",
	"WITH changed AS (UPDATE users SET password_hash = $2, tokens_dead_until_ms = greatest($4::bigint,"
	" tokens_dead_until_ms + 1) WHERE id = $1 AND password_hash = $3"
	" RETURNING id, email, active, tokens_dead_until_ms),"
	" gone AS (DELETE FROM password_resets USING changed WHERE user_id = changed.id),"
	NOTICE("password_changed", "changed") ","
	EVENT("change", "'password_changed'", "changed", "$5")
	" SELECT tokens_dead_until_ms, NOT active, lower(email) FROM changed",
};

#define IS_GOOD_RESET(user) \
	"password_resets.id = $2::uuid AND password_resets.user_id = " user ".id AND password_resets.email = " user ".email" \
	" AND password_resets.expires_at > now()"

const struct postgres_statement store_user_of_reset = {
	"user_of_reset",
	"SELECT " USER " FROM users JOIN password_resets ON " IS_GOOD_RESET("users") " WHERE users.id = $1 AND active",
	true,
};

/* Factors of before the first proof may be those of another person, who registered with the address and would keep its owner out
 * with them. They are locked before the settings, as factor_remove does. */
const struct postgres_statement store_password_reset = {
	"password_reset",
	"WITH target AS MATERIALIZED (SELECT id, email, email_verified_at IS NULL AND claimed_email = email AS is_claimed"
	" FROM users WHERE id = $1 AND active FOR NO KEY UPDATE),"
	" used AS (DELETE FROM password_resets USING target WHERE " IS_GOOD_RESET("target") " RETURNING user_id),"
	" others AS (DELETE FROM password_resets USING used"
	" WHERE password_resets.user_id = used.user_id AND password_resets.id <> $2::uuid),"
	" changed AS (UPDATE users SET password_hash = $3, tokens_dead_until_ms = greatest($4::bigint,"
	" tokens_dead_until_ms + 1), email_verified_at = now() FROM used WHERE users.id = used.user_id"
	" RETURNING users.id, users.email, active, tokens_dead_until_ms),"
	" removed AS (DELETE FROM factors USING used, target WHERE factors.user_id = used.user_id AND is_claimed"
	" RETURNING target.id, email, activated_at),"
	" unproven AS (SELECT DISTINCT id, email FROM removed WHERE activated_at IS NOT NULL),"
	" asked AS (UPDATE factor_settings SET asked = 'login', recovery_hashes = CASE WHEN is_claimed THEN '{}'"
	" ELSE recovery_hashes END FROM used, target, (SELECT count(*) FROM removed) AS locked"
	" WHERE factor_settings.user_id = used.user_id),"
	NOTICE("password_changed", "changed") ","
	NOTICE_AS("noticed_too", "factors_reset", "'{}'::jsonb", "unproven") ","
	EVENT("change", "'password_reset'", "changed", "$5") ","
	EVENT_AS("recorded_too", "change", "'factors_reset'", "unproven.id", "origin.session", "unproven", "$5")
	" SELECT tokens_dead_until_ms, NOT active, lower(email) FROM changed",
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

const struct postgres_statement store_password_replace = {
	"password_replace",
	"UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
};

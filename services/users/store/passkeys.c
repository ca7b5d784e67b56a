#include "store/passkeys.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

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

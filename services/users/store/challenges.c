#include "store/challenges.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

const struct postgres_statement store_challenge_insert = {
	"challenge_insert",
	"WITH added AS (INSERT INTO challenges (id, user_id, generation, client, binding, remember, cookie, expires_at,"
	" action) SELECT $1::uuid, id, tokens_dead_until_ms, $4::text, $5::text, $6::boolean, $7::boolean,"
	" now() + " SECONDS("$8") ", $10::text FROM users"
	" WHERE id = $2::bigint AND active AND tokens_dead_until_ms = coalesce($3::bigint, tokens_dead_until_ms)"
	" RETURNING user_id),"
	" surplus AS (DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE id IN (SELECT id FROM challenges"
	" WHERE user_id = $2::bigint AND (binding IS NULL) = ($5::text IS NULL) AND EXISTS (SELECT FROM added)"
	" ORDER BY expires_at DESC, id DESC OFFSET $9::bigint - 1) FOR UPDATE SKIP LOCKED))"
	" SELECT (SELECT coalesce(string_agg(DISTINCT method, ' ' ORDER BY method), '') FROM factors"
	" WHERE user_id = added.user_id AND activated_at IS NOT NULL), coalesce((SELECT cardinality(recovery_hashes)"
	" FROM factor_settings WHERE user_id = added.user_id), 0), " CREDENTIALS("added.user_id") " FROM added",
};

const struct postgres_statement store_challenge_account = {
	"challenge_account",
	"SELECT lower(users.email) FROM challenges JOIN users ON users.id = challenges.user_id"
	" WHERE users.active AND " CAN_BE_ANSWERED,
	true,
};

/* tries: the column that counts a user's tries of one kind of challenges; its window begins at the column tries_since. */
#define TRIES_WINDOW_IS_OVER(tries) WINDOW_IS_OVER(tries "_since", SECONDS("$5"))
#define TRIES_WINDOW_LEFT_S(tries) \
	"greatest(1, ceil(extract(epoch FROM " tries "_since + " SECONDS("$5") " - now())))::bigint"
/* As the window says that they stand now. */
#define COUNT_USER_TRY(name, tries, condition) \
	" " name " AS (UPDATE factor_settings settings SET " tries " = CASE WHEN " TRIES_WINDOW_IS_OVER(tries) " THEN 1 ELSE " \
	tries " + 1 END, " tries "_since = CASE WHEN " TRIES_WINDOW_IS_OVER(tries) " THEN now() ELSE " tries "_since END" \
	" FROM tried WHERE settings.user_id = tried.user_id AND " condition \
	" AND (" tries " < $4::bigint OR " TRIES_WINDOW_IS_OVER(tries) ") RETURNING settings.user_id)"
/* Of `tried`: the newest code was sent where codes go now. */
#define CODE_WENT_WHERE_CODES_GO \
	"EXISTS (SELECT FROM factors WHERE " IS_MTAN_OF("tried.user_id") \
	" AND lower(" CODES_GO_TO("tried.email") ") = lower(mtan_email))"

const struct postgres_statement store_challenge_try = {
	"challenge_try",
	"WITH owner AS MATERIALIZED (SELECT users.id, users.email, users.admin, users.password_hash, users.tokens_dead_until_ms"
	" FROM challenges JOIN users ON users.id = challenges.user_id"
	" WHERE challenges.id = $1::uuid AND users.active FOR KEY SHARE OF users),"
	" tried AS (UPDATE challenges SET tries = tries + 1 FROM owner WHERE " CAN_BE_ANSWERED
	" RETURNING user_id, email, admin, password_hash, generation, binding, remember, cookie),"
	COUNT_USER_TRY("login_counted", "tries", "binding IS NULL") ","
	COUNT_USER_TRY("confirmation_counted", "confirmation_tries", "binding IS NOT NULL")
	" SELECT tried.user_id, admin, password_hash, generation, binding, remember, cookie,"
	" CASE WHEN settings.user_id IS NULL OR EXISTS (SELECT FROM login_counted UNION ALL SELECT FROM confirmation_counted)"
	" THEN NULL WHEN binding IS NULL THEN " TRIES_WINDOW_LEFT_S("tries")
	" ELSE " TRIES_WINDOW_LEFT_S("confirmation_tries") " END, factors.id, method, secret, last_step,"
	" CASE WHEN mtan_for = $1::uuid AND " CODE_WENT_WHERE_CODES_GO " THEN mtan_nonce END, mtan_email FROM tried"
	" LEFT JOIN factor_settings settings ON settings.user_id = tried.user_id"
	" LEFT JOIN factors ON factors.user_id = tried.user_id AND activated_at IS NOT NULL ORDER BY factors.id",
};

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
	" proven AS (UPDATE factor_settings SET recovery_hashes = array_remove(recovery_hashes, $3::text), " NO_TRIES
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
	" proven AS (UPDATE factor_settings settings SET mtan_for = NULL, mtan_nonce = NULL, " NO_TRIES " FROM used"
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

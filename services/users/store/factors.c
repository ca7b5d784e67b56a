#include "store/factors.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

const struct postgres_statement store_factors_of_user = {
	"factors_of_user",
	"SELECT asked, cardinality(recovery_hashes), factors.id, method, " TIME("factors.created_at") ", " TIME("used_at") ","
	" name, phone IS NOT NULL, " CODES_GO_TO("users.email") " FROM (SELECT $1::bigint AS id) one"
	" LEFT JOIN users ON users.id = one.id LEFT JOIN factor_settings settings ON settings.user_id = one.id"
	" LEFT JOIN factors ON factors.user_id = one.id AND activated_at IS NOT NULL ORDER BY activated_at, factors.id",
	true,
};

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

const struct postgres_statement store_factor_pending = {
	"factor_pending",
	"SELECT secret, method FROM factors WHERE " IS_PENDING("$1::bigint", "$2", "$3"),
	true,
};

/* What a notice says that was added or removed. */
#define METHOD_TEXT \
	"jsonb_build_object('method', CASE WHEN phone IS NOT NULL THEN 'codes by SMS' WHEN method = 'mtan'" \
	" THEN 'codes by email' WHEN method = 'passkey' THEN 'a passkey' ELSE 'an authenticator app' END)"

/* Follows the `changed` of an activation: codes by message go to one place. */
#define REPLACE_CODES \
	" replaced AS (DELETE FROM factors USING changed" \
	" WHERE " IS_MTAN_OF("changed.id") " AND changed.method = 'mtan' AND factors.id <> $4::uuid)"

/* A code that was sent to the user's email proves that it is the user's, as a link does. */
#define PROVE_EMAIL \
	", email_verified_at = CASE WHEN changed.method = 'mtan' AND changed.phone IS NULL AND EXISTS (SELECT" \
	" FROM factor_settings settings WHERE settings.user_id = changed.id AND mtan_email = users.email)" \
	" THEN now() ELSE email_verified_at END"

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
	" codes AS (UPDATE factor_settings SET recovery_hashes = $7::text[], " NO_TRIES " FROM changed"
	" WHERE user_id = changed.id AND NOT " HAS_FACTOR("changed.id")
	" RETURNING user_id), " END_OTHERS_AND(PROVE_EMAIL, "changed", "$2", "$3")
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
	"WITH " OTHERS_OF("$1") ","
	" changed AS (UPDATE factor_settings SET asked = $4::text FROM target"
	" WHERE user_id = target.id AND " HAS_FACTOR("target.id") " RETURNING target.*, asked),"
	NOTICE_WITH("factor_asked", "jsonb_build_object('asked', CASE asked WHEN 'login' THEN 'at every login'"
	" ELSE 'only before sensitive actions' END)", "changed") ","
	EVENT("change", "'factor_asked_' || changed.asked", "changed", "$5") ", " END_OTHERS("changed", "$2", "$3")
	" SELECT " OTHERS " FROM ended LEFT JOIN kept ON true",
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

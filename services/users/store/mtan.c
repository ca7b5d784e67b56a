#include "store/mtan.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

#define MTAN_WINDOW_IS_OVER WINDOW_IS_OVER("mtans_since", SECONDS("$6"))
/* Of the messages in a window, because a token alone has codes sent that confirm actions. */
#define KEPT_FOR_LOGINS "3"
#define MESSAGES_OF_WANTED "$5::bigint - CASE WHEN binding IS NULL AND action IS NULL THEN 0 ELSE " KEPT_FOR_LOGINS " END"
/* Follows `subject`, a challenge or an enrolment: id, user_id, recipient, phone, binding, action, ends_at. The newest code
 * takes the place of the one before, whose message is not sent any more if it still waits. */
#define SEND_CODE \
	" wanted AS (SELECT *, coalesce(strpos(',' || lower($7::text), ',' || lower(recipient) || ':') > 0, false)" \
	" AS is_tester FROM subject)," \
	" counted AS (UPDATE factor_settings settings" \
	" SET mtan_for = id, mtan_nonce = $4::uuid, mtan_email = recipient, mtan_at = now(), mtan_tries = 0, mtans =" \
	" CASE WHEN " MTAN_WINDOW_IS_OVER " THEN 1 ELSE mtans + 1 END, mtans_since = CASE WHEN " MTAN_WINDOW_IS_OVER \
	" THEN now() ELSE mtans_since END FROM wanted" \
	" WHERE settings.user_id = wanted.user_id AND (is_tester OR mtans < " MESSAGES_OF_WANTED " OR " MTAN_WINDOW_IS_OVER ")" \
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
	" JOIN factors ON " IS_MTAN_OF("owner.id") " WHERE " CAN_BE_ANSWERED " FOR UPDATE OF challenges),"
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

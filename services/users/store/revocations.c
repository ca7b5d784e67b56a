#include "store/revocations.h"

#include "store/store_internal.h"

/* Each part of a WITH begins a line. The formatter would indent them by the macros between them. */
/* clang-format off */

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

const struct postgres_statement store_token_revoke = {
	"token_revoke",
	"WITH expired AS (DELETE FROM revoked_tokens WHERE expires_at < " LONG_AGO("$6") "),"
	" revoked AS (INSERT INTO revoked_tokens (jti, user_id, inactive, expires_at)"
	" VALUES ($1::uuid, $2::bigint, $3::boolean, to_timestamp($4::bigint)) ON CONFLICT DO NOTHING"
	" RETURNING user_id AS id)"
	" INSERT" EVENT_COLUMNS
	" SELECT 'use', 'logout', revoked.id, origin.actor, origin.session, origin.network, origin.agent, origin.request"
	" FROM revoked," ORIGIN("$5") " WHERE $5::jsonb IS NOT NULL",
};

#define REVOKED_TOKENS "SELECT jti, inactive, extract(epoch FROM expires_at)::bigint FROM revoked_tokens"

const struct postgres_statement store_revoked_tokens = {
	"revoked_tokens",
	REVOKED_TOKENS " WHERE jti > $1::uuid AND expires_at > " LONG_AGO("$3") " ORDER BY jti LIMIT $2::bigint",
	true,
};

const struct postgres_statement store_revoked_tokens_by = {
	"revoked_tokens_by",
	REVOKED_TOKENS " WHERE revoked_by = $1::uuid",
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

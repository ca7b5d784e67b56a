#include "store.h"

#define USER "users.id, users.username, users.email, users.active, users.admin, users.password_hash"
/* Without an active admin, nothing in the API could make another one. */
#define IS_LAST_ADMIN                                                                                                  \
	"admin AND active AND NOT EXISTS (SELECT FROM users other WHERE other.admin AND other.active AND other.id <> " \
	"users.id)"

const struct postgres_statement store_user_insert = {
	"user_insert", "INSERT INTO users (username, email, password_hash) VALUES ($1, $2, $3) RETURNING id"};

const struct postgres_statement store_user_insert_if_absent = {
	"user_insert_if_absent", "INSERT INTO users (username, email, password_hash, admin) VALUES ($1, $2, $3, $4::boolean)"
				 " ON CONFLICT DO NOTHING"};

/* Answers with a row even when there is no such user. Failed logins are counted by the name as Postgres lowers it, because
 * lower() maps more spellings to one name than a program without its tables could. */
#define LOGIN_OF "SELECT " USER ", tokens_dead_until_ms, typed.name FROM (SELECT lower($1) AS name) typed LEFT JOIN users ON "

const struct postgres_statement store_user_by_email = {"user_by_email", LOGIN_OF "lower(email) = typed.name", true};

const struct postgres_statement store_user_by_login = {"user_by_login",
						       LOGIN_OF "lower(email) = typed.name OR lower(username) = typed.name"
								" ORDER BY lower(email) = typed.name DESC LIMIT 1",
						       true};

const struct postgres_statement store_user_by_id = {"user_by_id", "SELECT " USER " FROM users WHERE id = $1", true};

const struct postgres_statement store_user_of_token = {
	"user_of_token",
	"SELECT " USER ", tokens_dead_until_ms >= $3::bigint OR revoked_tokens.jti IS NOT NULL,"
	" coalesce(revoked_tokens.inactive, false)"
	" FROM users LEFT JOIN revoked_tokens ON revoked_tokens.jti = $2::uuid WHERE users.id = $1",
	true};

const struct postgres_statement store_users_page = {
	"users_page", "SELECT " USER " FROM users WHERE id > $1 ORDER BY id LIMIT $2::bigint", true};

const struct postgres_statement store_user_change = {
	"user_change",
	"WITH target AS (SELECT id, " IS_LAST_ADMIN " AS is_last_admin FROM users WHERE id = $1 FOR UPDATE),"
	" changed AS (UPDATE users SET active = coalesce($2::boolean, active), admin = coalesce($3::boolean, admin),"
	" tokens_dead_until_ms = CASE WHEN active <> coalesce($2::boolean, active)"
	" THEN greatest($4::bigint, tokens_dead_until_ms + 1) ELSE tokens_dead_until_ms END"
	" FROM target WHERE users.id = target.id"
	" AND NOT (is_last_admin AND NOT (coalesce($2::boolean, true) AND coalesce($3::boolean, true)))"
	" RETURNING " USER ", tokens_dead_until_ms)"
	" SELECT changed.* FROM target LEFT JOIN changed ON changed.id = target.id"};

const struct postgres_statement store_user_delete = {
	"user_delete",
	"WITH target AS (SELECT id, " IS_LAST_ADMIN " AS is_last_admin FROM users WHERE id = $1 FOR UPDATE),"
	" gone AS (DELETE FROM users USING target WHERE users.id = target.id AND NOT is_last_admin RETURNING users.id),"
	" noted AS (INSERT INTO deleted_users SELECT id, now() + $2::bigint * interval '1 second' FROM gone)"
	" SELECT gone.id FROM target LEFT JOIN gone ON gone.id = target.id"};

const struct postgres_statement store_password_set = {
	"password_set",
	"UPDATE users SET password_hash = $2, tokens_dead_until_ms = greatest($4::bigint, tokens_dead_until_ms + 1)"
	" WHERE id = $1 AND password_hash = $3"};

const struct postgres_statement store_tokens_end = {
	"tokens_end", "UPDATE users SET tokens_dead_until_ms = greatest($2::bigint, tokens_dead_until_ms + 1)"
		      " WHERE id = $1 RETURNING tokens_dead_until_ms, NOT active"};

const struct postgres_statement store_password_replace = {
	"password_replace", "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3"};

const struct postgres_statement store_token_revoke = {
	"token_revoke", "WITH expired AS (DELETE FROM revoked_tokens WHERE expires_at < now() - interval '1 hour')"
			" INSERT INTO revoked_tokens (jti, user_id, inactive, expires_at)"
			" VALUES ($1::uuid, $2::bigint, $3::boolean, to_timestamp($4::bigint)) ON CONFLICT DO NOTHING"};

const struct postgres_statement store_revoked_tokens = {
	"revoked_tokens",
	"SELECT jti, inactive, extract(epoch FROM expires_at)::bigint FROM revoked_tokens"
	" WHERE jti > $1::uuid AND expires_at > now() - interval '1 hour' ORDER BY jti LIMIT $2::bigint",
	true};

/* A deleted user's expires_at is of the lifetime that was configured then. So it is compared as if the user had been deleted at
 * that moment, which is later than it was, because the lifetime may have become longer since. */
const struct postgres_statement store_revoked_users = {
	"revoked_users",
	"SELECT id, tokens_dead_until_ms, NOT active FROM users"
	" WHERE id > $1::bigint AND (tokens_dead_until_ms > $3::bigint)"
	" UNION ALL SELECT user_id, 9223372036854775807, true FROM deleted_users WHERE user_id > $1::bigint"
	" AND expires_at > to_timestamp($3::bigint / 1000.0)"
	" ORDER BY 1 LIMIT $2::bigint",
	true};

const struct postgres_statement store_user_revocation = {
	"user_revocation",
	"SELECT tokens_dead_until_ms, NOT active FROM users WHERE id = $1::bigint"
	" UNION ALL SELECT 9223372036854775807, true FROM deleted_users WHERE user_id = $1::bigint",
	true};

const struct postgres_statement *const store_statements[] = {
	&store_user_insert,    &store_user_by_email,    &store_user_by_login,   &store_user_by_id,
	&store_user_of_token,  &store_users_page,       &store_user_change,     &store_user_delete,
	&store_password_set,   &store_password_replace, &store_tokens_end,      &store_token_revoke,
	&store_revoked_tokens, &store_revoked_users,    &store_user_revocation, NULL,
};

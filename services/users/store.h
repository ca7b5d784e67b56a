/* Every SQL statement of the users service. Above each statement stand its parameters and, after the arrow, its columns; below
 * it the names of those columns. "user" stands for the columns COLUMN_USER_*, with which several statements begin. */
#ifndef ABACUS_USERS_STORE_H
#define ABACUS_USERS_STORE_H

#include "postgres/postgres.h"

enum {
	COLUMN_USER_ID,
	COLUMN_USER_USERNAME,
	COLUMN_USER_EMAIL,
	COLUMN_USER_IS_ACTIVE,
	COLUMN_USER_IS_ADMIN,
	COLUMN_USER_PASSWORD_HASH,
	COLUMN_USER_END
};

/* ---- accounts ---- */

/* username, email, password hash -> id; CONFLICT when username or email is taken */
extern const struct postgres_statement store_user_insert;
enum { COLUMN_INSERTED_ID };

/* username, email, password hash, admin; affects no row when username or email is taken. The daemon does not prepare it,
 * because only manage uses it. */
extern const struct postgres_statement store_user_insert_if_absent;

/* id -> user */
extern const struct postgres_statement store_user_by_id;

/* after id, limit -> users */
extern const struct postgres_statement store_users_page;

/* id, active|null, admin|null, now_ms -> user, and the end of its dead tokens. A row whose id is null: this is the last active
 * admin, and nothing was changed. */
extern const struct postgres_statement store_user_change;
enum { COLUMN_CHANGED_DEAD_UNTIL_MS = COLUMN_USER_END };

/* id, token lifetime in s -> id; null: this is the last active admin, and nothing was deleted */
extern const struct postgres_statement store_user_delete;
enum { COLUMN_DELETED_ID };

/* ---- sessions ---- */

/* email -> user, and more. Always one row; its id is null when there is no such user. */
extern const struct postgres_statement store_user_by_email;
/* email or username -> the same */
extern const struct postgres_statement store_user_by_login;
enum {
	COLUMN_LOGIN_DEAD_UNTIL_MS = COLUMN_USER_END,
	COLUMN_LOGIN_NAME /* the parameter as Postgres compared it */
};

/* id, jti, ms of issue -> user, and more */
extern const struct postgres_statement store_user_of_token;
enum {
	COLUMN_TOKEN_IS_REVOKED = COLUMN_USER_END,
	COLUMN_TOKEN_IS_INACTIVE /* issued to a user who was inactive */
};

/* id, new hash, old hash, now_ms; affects no row when the old hash is not the user's any more. Ends all tokens. */
extern const struct postgres_statement store_password_set;
/* id, new hash, old hash; the same, but tokens stay valid */
extern const struct postgres_statement store_password_replace;

/* ---- revocations. tokens_dead_until_ms grows with each change, whatever the clocks say (auth/revocations.h) ---- */

/* id, now_ms -> revocation, or no row when there is no such user */
extern const struct postgres_statement store_tokens_end;
/* id -> revocation, also of a deleted user; no row: there never was such a user, or all its tokens have expired */
extern const struct postgres_statement store_user_revocation;
enum { COLUMN_REVOCATION_UNTIL_MS, COLUMN_REVOCATION_IS_INACTIVE };

/* jti, user id, inactive, expires in Unix s; also removes rows that have expired */
extern const struct postgres_statement store_token_revoke;

/* after jti, limit -> tokens that were revoked one by one */
extern const struct postgres_statement store_revoked_tokens;
enum { COLUMN_REVOKED_TOKEN_JTI, COLUMN_REVOKED_TOKEN_IS_INACTIVE, COLUMN_REVOKED_TOKEN_EXPIRES_S };

/* after id, limit, oldest ms that matters -> users of whom tokens were revoked */
extern const struct postgres_statement store_revoked_users;
enum { COLUMN_REVOKED_USER_ID, COLUMN_REVOKED_USER_UNTIL_MS, COLUMN_REVOKED_USER_IS_INACTIVE };

/* What the daemon prepares; ends with NULL. */
extern const struct postgres_statement *const store_statements[];

#endif

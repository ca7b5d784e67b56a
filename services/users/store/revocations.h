/* The statements about revocations. tokens_dead_until_ms grows with each end of a user's tokens,
 * whatever the clocks say, and tokens follow it (auth/jwt.h). */
#ifndef ABACUS_USERS_STORE_REVOCATIONS_H
#define ABACUS_USERS_STORE_REVOCATIONS_H

#include "statements.h"

/* id, now_ms, origin|null -> revocation, or no row when there is no such user */
extern const struct postgres_statement store_tokens_end;
/* id -> revocation, also of a deleted user; no row: there never was such a user, or all its tokens have expired */
extern const struct postgres_statement store_user_revocation;
enum { COLUMN_REVOCATION_UNTIL_MS, COLUMN_REVOCATION_IS_INACTIVE };

/* jti, user id, inactive, expires in Unix s, origin|null, now in s; also removes rows that have expired */
extern const struct postgres_statement store_token_revoke;

/* jti or sid -> expires in Unix s; no row: it is not revoked */
extern const struct postgres_statement store_token_revocation;
enum { COLUMN_TOKEN_REVOCATION_EXPIRES_S };

/* after jti, limit, now in s -> tokens and sessions that were revoked one by one */
extern const struct postgres_statement store_revoked_tokens;
/* session -> the same of those that its login ended */
extern const struct postgres_statement store_revoked_tokens_by;
enum { COLUMN_REVOKED_TOKEN_JTI, COLUMN_REVOKED_TOKEN_IS_INACTIVE, COLUMN_REVOKED_TOKEN_EXPIRES_S };

/* after id, limit, oldest ms that matters -> users of whom tokens were revoked */
extern const struct postgres_statement store_revoked_users;
enum { COLUMN_REVOKED_USER_ID, COLUMN_REVOKED_USER_UNTIL_MS, COLUMN_REVOKED_USER_IS_INACTIVE };

#endif

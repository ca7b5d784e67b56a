/* Tokens and sessions that were revoked one by one, as Postgres answers them. */
#ifndef ABACUS_USERS_REVOKED_TOKENS_H
#define ABACUS_USERS_REVOKED_TOKENS_H

#include "auth/revocations.h"
#include "postgres/postgres.h"

#define REVOKED_TOKENS_MAX 500 /* rows that one statement may answer with */

/* The rows of store_revoked_tokens or store_revoked_tokens_of_user. Returns how many it has written. */
int revoked_tokens_read(const struct postgres_rows *rows, struct revocation ret_revocations[REVOKED_TOKENS_MAX]);

#endif

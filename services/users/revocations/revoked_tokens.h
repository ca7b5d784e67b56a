/* Tokens and sessions that were revoked one by one, as Postgres answers them. */
#ifndef ABACUS_USERS_REVOKED_TOKENS_H
#define ABACUS_USERS_REVOKED_TOKENS_H

#include "auth/revocations.h"
#include "postgres/postgres.h"

/* The rows of store_revoked_tokens or store_revoked_tokens_by, for as many of which there must be room. Returns how many it has
 * written. */
int revoked_tokens_read(const struct postgres_rows *rows, struct revocation *ret_revocations);

#endif

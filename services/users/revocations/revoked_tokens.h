/* Tokens and sessions that were revoked one by one: until when they count, and as Postgres answers them. */
#ifndef ABACUS_USERS_REVOKED_TOKENS_H
#define ABACUS_USERS_REVOKED_TOKENS_H

#include "auth/revocations.h"
#include "postgres/postgres.h"

struct users;

/* When each token that was issued up to now has expired, in Unix s: by the daemon's clock, because tokens expire by it too. */
int64_t revoked_tokens_end_s(const struct users *users);
/* The rows of store_revoked_tokens or store_revoked_tokens_by, for as many of which there must be room. Returns how many it has
 * written. */
int revoked_tokens_read(const struct postgres_rows *rows, struct revocation *ret_revocations);

#endif

/* What users's statements do, for the table of all. */
#ifndef ABACUS_SIMULATOR_POSTGRES_STATEMENTS_H
#define ABACUS_SIMULATOR_POSTGRES_STATEMENTS_H

#include "postgres_fake.h"

void statements_reset_users(void);
PGresult *statement_token_revoke(struct transaction *transaction, const char *const *texts);
PGresult *statement_revoked_tokens(struct transaction *transaction, const char *const *texts);
PGresult *statement_tokens_end(struct transaction *transaction, const char *const *texts);
PGresult *statement_user_revocation(struct transaction *transaction, const char *const *texts);
PGresult *statement_revoked_users(struct transaction *transaction, const char *const *texts);

#endif

/* What users's statements do, for the table of all. */
#ifndef ABACUS_SIMULATOR_POSTGRES_STATEMENTS_H
#define ABACUS_SIMULATOR_POSTGRES_STATEMENTS_H

#include "postgres_fake.h"

void statements_reset_users(void);
PGresult *statement_token_revoke(struct transaction *transaction, const char *const *texts);
PGresult *statement_revoked_tokens(struct transaction *transaction, const char *const *texts);
PGresult *statement_revoked_tokens_by(struct transaction *transaction, const char *const *texts);
PGresult *statement_tokens_end(struct transaction *transaction, const char *const *texts);
PGresult *statement_user_revocation(struct transaction *transaction, const char *const *texts);
PGresult *statement_revoked_users(struct transaction *transaction, const char *const *texts);
/* At the commit. by: the session whose login does, or "". */
void statement_revoke(struct transaction *transaction, const char *jti, const char *by, int64_t expires_s);
int64_t statement_revoked_until_s(const char *jti); /* 0: it is not revoked */

void statements_reset_sessions(void);
PGresult *statement_session_insert(struct transaction *transaction, const char *const *texts);
PGresult *statement_sessions_rotate(struct transaction *transaction, const char *const *texts);
PGresult *statement_session_refresh(struct transaction *transaction, const char *const *texts);
PGresult *statement_session_misused(struct transaction *transaction, const char *const *texts);
PGresult *statement_session_end(struct transaction *transaction, const char *const *texts);
PGresult *statement_token_revocation(struct transaction *transaction, const char *const *texts);
bool statement_waits_for_user(const char *const *texts);    /* whose id is the second parameter */
bool statement_waits_for_session(const char *const *texts); /* whose id is the first */

#endif

/* Revokes tokens: stores the revocation in Postgres, which is the truth; then publishes it in Redis's stream, and waits until
 * every process that may still trust an earlier copy has confirmed it (auth/revocations.h); only then does `done` run, and its
 * handler replies. When publishing fails, or a confirmation does not come within seven eighths of the request's deadline
 * (longer than a lease, unless one of the two was configured), `done` gets a status that becomes 503. Then, and when the
 * request ends earlier, the revocation goes into the retry queue. */
#ifndef ABACUS_USERS_REVOKE_H
#define ABACUS_USERS_REVOKE_H

#include "auth/jwt.h"
#include "base/status.h"
#include "http/request.h"

typedef void revoked(enum status status, void *arg);

/* One token. is_inactive: because its user is inactive, which has a message of its own. origin: of the logout
 * (events/event_origin.h); NULL: it is none. */
void revoke_token(struct http_request *req, const struct jwt_claims *claims, bool is_inactive, const char *origin,
		  revoked *done, void *arg);

/* The access tokens of a session. The caller ends the session itself: it calls revoke_begin_session() before it sends the
 * statement, so that the revocation is published even if the client disconnects meanwhile, and then one of the other two. */
struct revoking; /* belongs to the request */
struct revoking *revoke_begin_session(struct http_request *req, const uint8_t id[JWT_JTI_BYTES]);
void revoke_session(struct revoking *revoking, revoked *done, void *arg);
void revoke_nothing(struct revoking *revoking); /* the statement ended nothing; before the reply */

/* All tokens of a user. The caller changes the row itself: it calls revoke_begin() before it sends the statement, so that the
 * revocation is published even if the client disconnects meanwhile, and revoke_user() with what the row then says. */
struct revoking *revoke_begin(struct http_request *req, int64_t user_id);
/* Publishes that tokens are revoked whose jti carries no more than until_ms; all tokens while is_inactive. */
void revoke_user(struct revoking *revoking, bool is_inactive, int64_t until_ms, revoked *done, void *arg);

#endif

/* Who is calling: the bearer token of a request (RFC 6750 §2.1; the older clients' "JWT" scheme too), verified and held against
 * the revocations. Every refusal is contract.md's own sentence. */
#ifndef ABACUS_AUTH_H
#define ABACUS_AUTH_H

#include "auth/jwt.h"
#include "auth/revocations.h"
#include "http/request.h"

struct auth_config {
	char *secret;          /* SECRET_KEY */
	char *previous_secret; /* SECRET_KEY_PREVIOUS */
	long token_lifetime_s; /* TOKEN_LIFETIME_SECONDS 86400 */
	long max_age_s;        /* REVOCATIONS_MAX_AGE_SECONDS 300 */
};
extern const struct config_option auth_options[];
#define AUTH_ISSUER "abacus"

enum auth_verdict { AUTH_OK, AUTH_MISSING, AUTH_EXPIRED, AUTH_INVALID, AUTH_INACTIVE, AUTH_UNKNOWN };

/* revocations NULL: not asked, by the service that knows itself. No header at all (or an empty one): AUTH_MISSING. A header
 * that is not "Bearer T" or "JWT T": AUTH_INVALID. */
enum auth_verdict auth_check(const struct jwt_key *key, const struct revocations *revocations, const char *authorization,
			     struct jwt_claims *ret_claims);
/* The same question later, of a token that was AUTH_OK: for what outlives a request. */
enum auth_verdict auth_check_again(const struct revocations *revocations, const struct jwt_claims *claims);
/* The sentence below, for where there is no HTTP reply. Must not be given AUTH_OK. */
const char *auth_refusal(enum auth_verdict verdict);
/* 403 "Provide a valid auth token." | 401 "Signature expired. Please log in again." | 401 "Invalid token. Please log in again."
 * | 401 "Provide a valid auth token." | 503. Must not be given AUTH_OK. */
void auth_refuse(struct http_request *req, enum auth_verdict verdict);

#endif

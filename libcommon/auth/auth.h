/* Authenticates a request by its bearer token (RFC 6750 §2.1, and the scheme "JWT" of legacy clients), and checks that the
 * token is not revoked. The refusals are those of services/swagger/openapi.yaml. */
#ifndef ABACUS_AUTH_H
#define ABACUS_AUTH_H

#include "auth/jwt.h"
#include "base/config.h"

struct http_request;
struct revocations;

struct auth_config {
	char *secret;
	char *previous_secret; /* NULL: none */
	long token_lifetime_s;
	long access_token_s;
	long max_age_s; /* the lease of a copy of the revocations */
};
extern const struct config_option auth_options[];
#define AUTH_ISSUER "abacus"
#define AUTH_AUDIENCE "abacus"
/* The key that the options describe, which borrows from them. The caller owns the cache. */
struct jwt_key auth_key(const struct auth_config *config, struct jwt_cache *cache);
/* How long an access token is good: ACCESS_TOKEN_SECONDS, and never longer than TOKEN_LIFETIME_SECONDS, because revocations are
 * kept for as long. */
int64_t auth_access_lifetime_s(const struct auth_config *config);

enum auth_verdict { AUTH_OK, AUTH_MISSING, AUTH_EXPIRED, AUTH_INVALID, AUTH_INACTIVE, AUTH_UNKNOWN };

/* revocations NULL skips the revocation check; users passes it because it asks Postgres. AUTH_MISSING: no header, or an empty
 * one. AUTH_INVALID also for a header that is neither "Bearer T" nor "JWT T". AUTH_UNKNOWN: the revocations are not known. */
enum auth_verdict auth_check(const struct jwt_key *key, const struct revocations *revocations, const char *authorization,
			     struct jwt_claims *ret_claims);
/* Checks the expiry and revocation of a token that was AUTH_OK earlier: for streams, which outlive a request. */
enum auth_verdict auth_check_again(const struct revocations *revocations, const struct jwt_claims *claims);
/* The message of the refusal, for protocols without an HTTP reply. Must not be given AUTH_OK. */
const char *auth_refusal(enum auth_verdict verdict);
/* The verdict whose refusal has this code word ("token_invalid"); AUTH_UNKNOWN for any other, and for NULL. */
enum auth_verdict auth_verdict_of(const char *code_word);
/* 403 "Provide a valid auth token." | 401 "Signature expired. Please log in again." | 401 "Invalid token. Please log in again."
 * | 401 "Provide a valid auth token." | 503. Must not be given AUTH_OK. */
void auth_refuse(struct http_request *req, enum auth_verdict verdict);

#endif

/* JSON Web Tokens (RFC 7519) signed with HMAC SHA-256 (RFC 7515, "HS256") and nothing else: the algorithm is pinned here and
 * never taken from the token. jti is a UUIDv7 (RFC 9562 §5.7), whose time is not that of issue: it follows the last end of the
 * user's tokens that the token's issuer knew of, and the revocation of all tokens of a user is compared with it. So a token is
 * revoked by each end that its issuer did not know of, and by no other, whatever the clocks say. */
#ifndef ABACUS_JWT_H
#define ABACUS_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define JWT_TOKEN_BYTES_MAX 1024
#define JWT_JTI_BYTES 16
#define JWT_FACTOR_BYTES 8
#define JWT_FACTOR_PASSKEY_ALONE \
	"user" /* a passkey, which verified its user: possession of a key, presence, and so two factors */

struct jwt_cache;

struct jwt_key { /* what it points to is borrowed and must outlive the key */
	const char *issuer;
	const char *
		audience; /* a token for another audience is invalid; NULL: aud is not looked at, and no access token is good */
	const char *secret;
	const char *previous_secret; /* still verifies; NULL: none */
	int64_t lifetime_s;          /* older tokens are expired, whatever their exp; 0: tokens of any age are good */
	int64_t access_lifetime_s;   /* the same of access tokens, which lifetime_s limits too */
	struct jwt_cache *cache;     /* of this key alone (auth/jwt_cache.h); NULL: every token is verified from its bytes */
};

/* A session has access tokens (RFC 9068: typ "at+jwt", aud, auth_time, amr) instead of one long-lived token. */
struct jwt_session {
	uint8_t id[JWT_JTI_BYTES]; /* sid: a UUIDv7 as jti, so that the revocation of a session looks like that of a token */
	int64_t authenticated_s;   /* auth_time: when the password or the passkey was checked */
	/* What amr has between "pwd" and "mfa": the second factor as a word of the registry of RFC 8176, such as "otp". Empty:
	 * the password alone was checked. JWT_FACTOR_PASSKEY_ALONE: amr begins with "pop" instead. */
	char factor[JWT_FACTOR_BYTES];
};

struct jwt_subject { /* whose token it is, as Postgres had the user when it was decided that there may be one */
	int64_t user_id;
	bool is_admin;
	int64_t dead_until_ms; /* the user's tokens_dead_until_ms */
};

struct jwt_claims {
	int64_t user_id; /* sub, a decimal string in the token */
	bool is_admin;   /* adm */
	int64_t issued_s, not_before_s, expires_s;
	int64_t ends_s; /* when the token ceases to be good: expires_s, or before it the end of the key's lifetime_s */
	uint8_t jti[JWT_JTI_BYTES];
	bool has_session; /* it is an access token */
	struct jwt_session session;
};

enum jwt_verdict { JWT_VALID, JWT_EXPIRED, JWT_INVALID };

/* Fills issued_s and not_before_s from issued_ms, a Unix time; expires_s is lifetime_s later. issued_ms is from before the
 * subject was read, so that a token that an end of tokens revokes expires before that end is forgotten. The caller frees the
 * token. */
char *jwt_issue_at(const struct jwt_key *key, const struct jwt_subject *subject, int64_t issued_ms, int64_t lifetime_s,
		   struct jwt_claims *ret_claims);
/* An access token; the key must have an audience. */
char *jwt_issue_access(const struct jwt_key *key, const struct jwt_subject *subject, const struct jwt_session *session,
		       int64_t issued_ms, int64_t lifetime_s, struct jwt_claims *ret_claims);
/* Issued now. */
char *jwt_issue(const struct jwt_key *key, const struct jwt_subject *subject, int64_t lifetime_s,
		struct jwt_claims *ret_claims);
/* now_s is a parameter so that tests can check expiry to the second. ends_s <= now is expired; nbf and iat may lie 30 s
 * ahead. Claims are set only on JWT_VALID. The signature is compared in constant time, and everything else is checked after it.
 */
enum jwt_verdict jwt_verify(const struct jwt_key *key, const char *token, size_t len, int64_t now_s,
			    struct jwt_claims *ret_claims) MUST_CHECK;
void jwt_jti_make(int64_t unix_ms, uint8_t jti[JWT_JTI_BYTES]);
int64_t jwt_jti_unix_ms(const uint8_t jti[JWT_JTI_BYTES]);
void jwt_jti_format(const uint8_t jti[JWT_JTI_BYTES], char text[37]);
enum status jwt_jti_parse(const char *text, uint8_t ret_jti[JWT_JTI_BYTES]) MUST_CHECK;
/* A UUID of any version. */
enum status jwt_uuid_parse(const char *text, uint8_t ret_uuid[JWT_JTI_BYTES]) MUST_CHECK;

#endif

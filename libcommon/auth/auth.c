#include "auth/auth.h"

#include <string.h>
#include <strings.h>

#include "auth/revocations.h"
#include "base/clock.h"
#include "http/reply.h"

const struct config_option auth_options[] = {
	{"SECRET_KEY", CONFIG_SECRET, offsetof(struct auth_config, secret), CONFIG_DEVELOPMENT_KEY,
	 "key that signs tokens, the same in every service", 0, 0, false},
	{"SECRET_KEY_PREVIOUS", CONFIG_SECRET, offsetof(struct auth_config, previous_secret), NULL,
	 "a key that still verifies, while keys are changed", 0, 0, true},
	{"TOKEN_LIFETIME_SECONDS", CONFIG_INT, offsetof(struct auth_config, token_lifetime_s), "86400",
	 "how long a token is good, the same in every service", 1, 31536000, false},
	{"ACCESS_TOKEN_SECONDS", CONFIG_INT, offsetof(struct auth_config, access_token_s), "600",
	 "how long an access token of a session is good, the same in every service", 1, 86400, false},
	{"REVOCATIONS_MAX_AGE_SECONDS", CONFIG_INT, offsetof(struct auth_config, max_age_s), "5",
	 "how long a process that lost Redis accepts tokens (its lease), the same in every service", 1, 86400, false},
	{0},
};

int64_t auth_access_lifetime_s(const struct auth_config *config)
{
	return config->access_token_s < config->token_lifetime_s ? config->access_token_s : config->token_lifetime_s;
}

struct jwt_key auth_key(const struct auth_config *config, struct jwt_cache *cache)
{
	return (struct jwt_key){.issuer = AUTH_ISSUER,
				.audience = AUTH_AUDIENCE,
				.secret = config->secret,
				.previous_secret = config->previous_secret,
				.lifetime_s = config->token_lifetime_s,
				.access_lifetime_s = config->access_token_s,
				.cache = cache};
}

static const struct {
	int http_code;
	const char *code, *message;
} refusals[] = {
	[AUTH_MISSING] = {403, "token_missing", "Provide a valid auth token."},
	[AUTH_EXPIRED] = {401, "token_expired", "Signature expired. Please log in again."},
	[AUTH_INVALID] = {401, "token_invalid", "Invalid token. Please log in again."},
	[AUTH_INACTIVE] = {401, "user_inactive", "Provide a valid auth token."},
};

/* What follows "Bearer " or "JWT ", in upper or lower case; NULL for any other scheme. */
static const char *token_of(const char *authorization)
{
	size_t len = strcspn(authorization, " ");
	bool is_known = (len == 6 && strncasecmp(authorization, "Bearer", 6) == 0) ||
			(len == 3 && strncasecmp(authorization, "JWT", 3) == 0);

	if (!is_known || !authorization[len])
		return NULL;
	return authorization + len + strspn(authorization + len, " ");
}

static enum auth_verdict check_revocations(const struct revocations *revocations, const struct jwt_claims *claims)
{
	enum revocation_verdict found = revocations ? revocations_check(revocations, claims) : REVOCATION_NONE;

	switch (found) {
	case REVOCATION_REVOKED:
		return AUTH_INVALID;
	case REVOCATION_INACTIVE:
		return AUTH_INACTIVE;
	case REVOCATION_UNKNOWN:
		return AUTH_UNKNOWN;
	case REVOCATION_NONE:
		break;
	}
	return AUTH_OK;
}

enum auth_verdict auth_check(const struct jwt_key *key, const struct revocations *revocations, const char *authorization,
			     struct jwt_claims *ret_claims)
{
	struct jwt_claims claims;
	const char *token;

	if (!authorization || !*authorization)
		return AUTH_MISSING;
	if (!(token = token_of(authorization)))
		return AUTH_INVALID;
	switch (jwt_verify(key, token, strlen(token), clock_unix_ms() / 1000, &claims)) {
	case JWT_EXPIRED:
		return AUTH_EXPIRED;
	case JWT_INVALID:
		return AUTH_INVALID;
	case JWT_VALID:
		break;
	}
	*ret_claims = claims;
	return check_revocations(revocations, &claims);
}

enum auth_verdict auth_check_again(const struct revocations *revocations, const struct jwt_claims *claims)
{
	return claims->ends_s <= clock_unix_ms() / 1000 ? AUTH_EXPIRED : check_revocations(revocations, claims);
}

const char *auth_refusal(enum auth_verdict verdict)
{
	return verdict == AUTH_UNKNOWN || verdict == AUTH_OK ? status_info(STATUS_UNAVAILABLE)->message
							     : refusals[verdict].message;
}

enum auth_verdict auth_verdict_of(const char *code_word)
{
	for (size_t i = 0; code_word && i < sizeof refusals / sizeof *refusals; i++) {
		if (refusals[i].code && strcmp(refusals[i].code, code_word) == 0)
			return (enum auth_verdict)i;
	}
	return AUTH_UNKNOWN;
}

void auth_refuse(struct http_request *req, enum auth_verdict verdict)
{
	if (verdict == AUTH_UNKNOWN || verdict == AUTH_OK)
		http_reply_status(req, STATUS_UNAVAILABLE);
	else
		http_reply_fail(req, refusals[verdict].http_code, refusals[verdict].code, refusals[verdict].message);
}

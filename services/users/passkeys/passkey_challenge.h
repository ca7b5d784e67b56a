/* The challenge that an authenticator signs: an HMAC SHA-256, under a key of SECRET_KEY, over what the signature is good for.
 * It is computed whenever it is needed, and stored nowhere. So a change of the action that it confirms, or of one of its
 * parameters (factors/binding.h), makes another one, and no signature for one purpose is good for another. */
#ifndef ABACUS_USERS_PASSKEY_CHALLENGE_H
#define ABACUS_USERS_PASSKEY_CHALLENGE_H

#include <stdint.h>

#include "auth/base64url.h"
#include "webauthn/webauthn.h"

#define PASSKEY_CHALLENGE_LEN BASE64URL_LEN(WEBAUTHN_CHALLENGE_BYTES)

enum passkey_purpose {
	PASSKEY_ENROLMENT, /* subject: the factor */
	PASSKEY_ANSWER,    /* subject: the challenge (challenges/challenge.h); binding: its own, NULL for a login */
	PASSKEY_LOGIN      /* subject: an id with its time (jwt_jti_make()); binding: the client (challenge_client()) */
};

struct passkey_challenge {
	enum passkey_purpose purpose;
	int64_t user_id; /* 0: not known yet */
	const char *subject, *binding;
};

/* In base64url. */
void passkey_challenge_make(const char *secret_key, const struct passkey_challenge *challenge,
			    char text[PASSKEY_CHALLENGE_LEN + 1]);

#endif

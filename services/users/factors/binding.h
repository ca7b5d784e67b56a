/* What a confirmation is bound to (dynamic linking): an HMAC SHA-256 over user, challenge, action and parameters. A change of
 * any of them makes another one. The header X-Confirmation has the challenge and the HMAC. */
#ifndef ABACUS_USERS_BINDING_H
#define ABACUS_USERS_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "base/buf.h"
#include "base/status.h"

#define BINDING_BYTES 32
#define BINDING_LEN BASE64URL_LEN(BINDING_BYTES)
#define BINDING_CONFIRMATION_LEN BASE64URL_LEN(JWT_JTI_BYTES + BINDING_BYTES)

struct binding {
	int64_t user_id;
	const uint8_t *challenge; /* JWT_JTI_BYTES: the nonce */
	const char *action;
	const cJSON *parameters; /* an object, or NULL for an empty one */
};

/* JSON in one form, whatever the order of members and the white space were. Members that are equal make the same text, and
 * others another one. */
void binding_canonical(struct buf *out, const cJSON *json);

/* base64url of the HMAC, which challenges.binding keeps until the challenge is answered. */
void binding_make(const char *secret_key, const struct binding *binding, char text[BINDING_LEN + 1]);

/* The value of X-Confirmation. INVALID: the binding, which comes from Postgres, is none. */
enum status binding_confirmation_format(const uint8_t challenge[JWT_JTI_BYTES], const char *binding,
					char text[BINDING_CONFIRMATION_LEN + 1]) MUST_CHECK;
/* INVALID: it is none. */
enum status binding_confirmation_parse(const char *text, uint8_t ret_challenge[JWT_JTI_BYTES],
				       char ret_binding[BINDING_LEN + 1]) MUST_CHECK;
/* Whether one of the two keys made it; compares in constant time. previous_key NULL: there is none. */
bool binding_is(const char *secret_key, const char *previous_key, const struct binding *binding,
		const char text[BINDING_LEN + 1]) MUST_CHECK;

#endif

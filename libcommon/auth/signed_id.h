/* A UUID and a number, signed: what refresh tokens and links of password resets consist of. The server stores the UUID and no
 * secret, so it can make the same text again, and a copy of the database lets no one in. The text is base64url of
 * id | number (8 bytes, the most significant first) | HMAC SHA-256. What is signed begins with the purpose, whose characters
 * no other token's signed text can begin with (a JWT's is base64url and dots), so none is ever taken for another. */
#ifndef ABACUS_SIGNED_ID_H
#define ABACUS_SIGNED_ID_H

#include <stdint.h>

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "base/status.h"

#define SIGNED_ID_BYTES (JWT_JTI_BYTES + 8 + 32)
#define SIGNED_ID_LEN BASE64URL_LEN(SIGNED_ID_BYTES)
#define SIGNED_ID_PURPOSE_MAX 32

struct signed_id {
	uint8_t id[JWT_JTI_BYTES];
	int64_t number;
};

/* purpose: words with a blank and a colon at their end, which are in no base64url; at most SIGNED_ID_PURPOSE_MAX characters. */
void signed_id_format(const char *purpose, const char *secret, const struct signed_id *signed_id, char text[SIGNED_ID_LEN + 1]);
/* INVALID unless one of the two secrets signed it for this purpose; previous_secret NULL: there is none. Takes the same time
 * for every wrong signature. */
enum status signed_id_parse(const char *purpose, const char *secret, const char *previous_secret, const char *text,
			    struct signed_id *ret_signed_id) MUST_CHECK;

#endif

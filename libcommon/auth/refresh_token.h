/* Refresh tokens: a session's id and its counter, signed. The server stores the counter and no secret, so it can make the same
 * token again when a reply was lost, and a copy of the database lets no one log in. The text is base64url of
 * id | counter (8 bytes, the most significant first) | HMAC SHA-256. What is signed begins with words that no other token's
 * signed text can begin with (a JWT's is base64url and dots), so neither is ever taken for the other. */
#ifndef ABACUS_REFRESH_TOKEN_H
#define ABACUS_REFRESH_TOKEN_H

#include <stdint.h>

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "base/status.h"

#define REFRESH_TOKEN_BYTES (JWT_JTI_BYTES + 8 + 32)
#define REFRESH_TOKEN_LEN BASE64URL_LEN(REFRESH_TOKEN_BYTES)

struct refresh_token {
	uint8_t session[JWT_JTI_BYTES];
	int64_t counter; /* from 0; each rotation adds 1 */
};

void refresh_token_format(const char *secret, const struct refresh_token *token, char text[REFRESH_TOKEN_LEN + 1]);
/* INVALID unless one of the two secrets signed it; previous_secret NULL: there is none. Takes the same time for every wrong
 * signature. */
enum status refresh_token_parse(const char *secret, const char *previous_secret, const char *text,
				struct refresh_token *ret_token) MUST_CHECK;

#endif

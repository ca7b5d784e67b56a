/* The signature alone: jwt.c and jwt_cache.c share it, and tests compare it with the vectors of the RFCs. */
#ifndef ABACUS_JWT_INTERNAL_H
#define ABACUS_JWT_INTERNAL_H

#include "auth/base64url.h"
#include "auth/jwt.h"

#define JWT_SIGNATURE_BYTES 32
#define JWT_SIGNATURE_LEN BASE64URL_LEN(JWT_SIGNATURE_BYTES) /* in a token */

/* HMAC SHA-256 (RFC 2104, RFC 6234) of text[0..len) under the secret. */
void jwt_sign(const char *secret, const char *text, size_t len, uint8_t signature[JWT_SIGNATURE_BYTES]);

#endif

/* The signature alone, for jwt.c and for tests that compare it with the vectors of the RFCs. */
#ifndef ABACUS_JWT_INTERNAL_H
#define ABACUS_JWT_INTERNAL_H

#include "auth/jwt.h"

#define JWT_SIGNATURE_BYTES 32

/* HMAC SHA-256 (RFC 2104, RFC 6234) of text[0..len) under the secret. */
void jwt_sign(const char *secret, const char *text, size_t len, uint8_t signature[JWT_SIGNATURE_BYTES]);

#endif

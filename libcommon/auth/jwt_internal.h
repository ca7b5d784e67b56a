/* The signature of a token by itself, for jwt.c and for the tests that hold it against the documents' own vectors. */
#ifndef ABACUS_JWT_INTERNAL_H
#define ABACUS_JWT_INTERNAL_H

#include "auth/jwt.h"

#define JWT_SIGNATURE_BYTES 32

/* HMAC SHA-256 (RFC 2104, RFC 6234) of text[0..len) under the secret. */
void jwt_sign(const char *secret, const char *text, size_t len, uint8_t signature[JWT_SIGNATURE_BYTES]);

#endif

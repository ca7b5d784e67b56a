/* Base32 without padding (RFC 4648 §6): letters and digits that a person can copy, as authenticator apps take secrets. */
#ifndef ABACUS_USERS_BASE32_H
#define ABACUS_USERS_BASE32_H

#include <stddef.h>
#include <stdint.h>

#define BASE32_LEN(bytes) (((bytes)*8 + 4) / 5) /* the length in characters */

/* Writes BASE32_LEN(len) characters and a NUL. */
void base32_encode(const uint8_t *bytes, size_t len, char *text);

#endif

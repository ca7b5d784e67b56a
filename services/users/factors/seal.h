/* Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that HKDF (RFC 5869, SHA-256) derives from SECRET_KEY. Also
 * derives the keys of this room's other purposes, so that nothing made for one is ever good for another. */
#ifndef ABACUS_USERS_SEAL_H
#define ABACUS_USERS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/base64url.h"
#include "base/status.h"

#define SEAL_KEY_BYTES 32
#define SEAL_BYTES_MAX 64 /* of what is sealed */
#define SEAL_OVERHEAD 28  /* a random nonce of 12 bytes and a tag of 16 */
#define SEAL_LEN_MAX BASE64URL_LEN(SEAL_BYTES_MAX + SEAL_OVERHEAD)

void seal_derive(const char *secret_key, const char *purpose, uint8_t ret_key[SEAL_KEY_BYTES]);

/* base64url of nonce | ciphertext | tag. about: where it belongs, such as the row's id; it opens nowhere else. len at most
 * SEAL_BYTES_MAX. Random nonces of 96 bits are safe for 2^32 secrets of one key (§8.3). */
void seal(const char *secret_key, const char *about, const uint8_t *bytes, size_t len, char text[SEAL_LEN_MAX + 1]);
/* INVALID unless one of the two keys sealed exactly len bytes for `about`; previous_key NULL: there is none. is_previous: the
 * previous one did, so that the caller seals it anew. */
enum status seal_open(const char *secret_key, const char *previous_key, const char *about, const char *text, uint8_t *bytes,
		      size_t len, bool *ret_is_previous) MUST_CHECK;

#endif

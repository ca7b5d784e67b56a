/* Base64 with the URL-safe alphabet and no padding (RFC 4648 §5, as RFC 7515 §2 requires). */
#ifndef ABACUS_BASE64URL_H
#define ABACUS_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BASE64URL_LEN(bytes) (((bytes)*4 + 2) / 3) /* the length in characters */

/* Writes BASE64URL_LEN(len) characters and no NUL; returns their number. */
size_t base64url_encode(const uint8_t *bytes, size_t len, char *text);
/* Strict: no padding, no white space, no other alphabet, and the unused bits of the last character must be zero, so that each
 * byte string has one spelling. bytes must hold len * 3 / 4. */
enum status base64url_decode(const char *text, size_t len, uint8_t *bytes, size_t *ret_len) MUST_CHECK;

#endif

/* Codes of an authenticator app: TOTP (RFC 6238) with HMAC SHA-1, six digits and steps of 30 s, which is what every app
 * supports. SHA-1 is sound in HMAC (RFC 6151 argues the same for MD5). */
#ifndef ABACUS_USERS_TOTP_H
#define ABACUS_USERS_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_BYTES 20 /* RFC 4226 §4 recommends 160 bits */
#define TOTP_DIGITS 6
#define TOTP_STEP_S 30

/* The code of a step (RFC 4226 §5.3), below 10^6. */
uint32_t totp_code(const uint8_t *secret, size_t len, uint64_t step);
/* The earliest step after `after` whose code this is: of the step that now_s lies in, the one before or the one after it (RFC
 * 6238 §5.2). False: none. It compares with all three, so its time does not say which. */
bool totp_find_step(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now_s, int64_t after, int64_t *ret_step)
	__attribute__((warn_unused_result));

/* otpauth://totp/Abacus:ACCOUNT?secret=… for a QR code. The caller frees it with mem_free_secret(). */
char *totp_uri(const char *account, const char *secret_base32) __attribute__((warn_unused_result));

#endif

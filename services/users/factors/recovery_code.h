/* Recovery codes, for a user whose other factors are lost. Each has 120 random bits, so a fast hash keeps it. */
#ifndef ABACUS_USERS_RECOVERY_CODE_H
#define ABACUS_USERS_RECOVERY_CODE_H

#include "auth/base64url.h"
#include "base/status.h"

#define RECOVERY_CODES 10
#define RECOVERY_CODE_BYTES 15
#define RECOVERY_CODE_LEN 27 /* four groups of six characters, with dashes between them */
#define RECOVERY_HASH_LEN BASE64URL_LEN(32)

/* "ABCDEF-GHIJKL-MNOPQR-STUVWX", of base32's characters. */
void recovery_code_make(char text[RECOVERY_CODE_LEN + 1]);
/* SHA-256 of the code in base64url. Upper or lower case, dashes and blanks make no difference. INVALID: it is no such code. */
enum status recovery_code_hash(const char *text, char ret_hash[RECOVERY_HASH_LEN + 1]) MUST_CHECK;

#define RECOVERY_ARRAY_BYTES (RECOVERY_CODES * (RECOVERY_HASH_LEN + 1) + 2)
/* Makes a set, and its hashes as the text of an array of Postgres. */
void recovery_code_make_set(char codes[RECOVERY_CODES][RECOVERY_CODE_LEN + 1], char ret_array[RECOVERY_ARRAY_BYTES]);

#endif

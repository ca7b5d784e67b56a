#include "passkeys/passkey_challenge.h"

#include <inttypes.h>
#include <mbedtls/md.h>

#include "base/buf.h"
#include "base/mem.h"
#include "factors/seal.h"

static const char *const purposes[] = {
	[PASSKEY_ENROLMENT] = "abacus passkey enrolment 1",
	[PASSKEY_ANSWER] = "abacus passkey answer 1",
	[PASSKEY_LOGIN] = "abacus passkey login 1",
};

void passkey_challenge_make(const char *secret_key, const struct passkey_challenge *challenge,
			    char text[PASSKEY_CHALLENGE_LEN + 1])
{
	uint8_t key[SEAL_KEY_BYTES], mac[WEBAUTHN_CHALLENGE_BYTES];
	struct buf bound = {0};

	seal_derive(secret_key, purposes[challenge->purpose], key);
	buf_printf(&bound, "%" PRId64 "\n%s\n%s", challenge->user_id, challenge->subject,
		   challenge->binding ? challenge->binding : "");
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, sizeof key, (const uint8_t *)bound.bytes,
			    bound.len, mac) != 0)
		mem_die("mbedtls has no HMAC-SHA256\n");
	text[base64url_encode(mac, sizeof mac, text)] = '\0';
	buf_free(&bound);
}

#include "factors/seal.h"

#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/platform_util.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16

static const char purpose[] = "abacus sealed secret 1";

void seal_derive(const char *secret_key, const char *purpose_of_key, uint8_t ret_key[SEAL_KEY_BYTES])
{
	if (mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), NULL, 0, (const uint8_t *)secret_key, strlen(secret_key),
			 (const uint8_t *)purpose_of_key, strlen(purpose_of_key), ret_key, SEAL_KEY_BYTES) != 0)
		mem_die("mbedtls has no HKDF with SHA-256\n");
}

static void begin(mbedtls_gcm_context *gcm, const char *secret_key)
{
	uint8_t key[SEAL_KEY_BYTES];

	seal_derive(secret_key, purpose, key);
	mbedtls_gcm_init(gcm);
	if (mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * SEAL_KEY_BYTES) != 0)
		mem_die("mbedtls has no AES-256-GCM\n");
	mbedtls_platform_zeroize(key, sizeof key);
}

void seal(const char *secret_key, const char *about, const uint8_t *bytes, size_t len, char text[SEAL_LEN_MAX + 1])
{
	uint8_t sealed[SEAL_BYTES_MAX + SEAL_OVERHEAD];
	mbedtls_gcm_context gcm;

	if (len > SEAL_BYTES_MAX)
		mem_die("a secret is too long to be sealed\n");
	begin(&gcm, secret_key);
	random_fill(sealed, NONCE_BYTES);
	if (mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len, sealed, NONCE_BYTES, (const uint8_t *)about,
				      strlen(about), bytes, sealed + NONCE_BYTES, TAG_BYTES, sealed + NONCE_BYTES + len) != 0)
		mem_die("mbedtls does not encrypt\n");
	mbedtls_gcm_free(&gcm);
	text[base64url_encode(sealed, len + SEAL_OVERHEAD, text)] = '\0';
}

static bool opens(const char *secret_key, const char *about, const uint8_t *sealed, uint8_t *bytes, size_t len)
{
	mbedtls_gcm_context gcm;
	bool is_opened;

	begin(&gcm, secret_key);
	is_opened = mbedtls_gcm_auth_decrypt(&gcm, len, sealed, NONCE_BYTES, (const uint8_t *)about, strlen(about),
					     sealed + NONCE_BYTES + len, TAG_BYTES, sealed + NONCE_BYTES, bytes) == 0;
	mbedtls_gcm_free(&gcm);
	return is_opened;
}

enum status seal_open(const char *secret_key, const char *previous_key, const char *about, const char *text, uint8_t *bytes,
		      size_t len, bool *ret_is_previous)
{
	uint8_t sealed[SEAL_BYTES_MAX + SEAL_OVERHEAD + 3];
	size_t sealed_len;

	if (len > SEAL_BYTES_MAX || strlen(text) != BASE64URL_LEN(len + SEAL_OVERHEAD) ||
	    base64url_decode(text, strlen(text), sealed, &sealed_len) != STATUS_OK || sealed_len != len + SEAL_OVERHEAD)
		return STATUS_INVALID;
	*ret_is_previous = false;
	if (opens(secret_key, about, sealed, bytes, len))
		return STATUS_OK;
	*ret_is_previous = true;
	return previous_key && opens(previous_key, about, sealed, bytes, len) ? STATUS_OK : STATUS_INVALID;
}

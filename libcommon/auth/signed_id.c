#include "auth/signed_id.h"

#include <mbedtls/constant_time.h>
#include <string.h>

#include "auth/jwt_internal.h"

#define SIGNED_BYTES (JWT_JTI_BYTES + 8)

static void sign(const char *purpose, const char *secret, const uint8_t body[SIGNED_BYTES],
		 uint8_t signature[JWT_SIGNATURE_BYTES])
{
	char text[SIGNED_ID_PURPOSE_MAX + SIGNED_BYTES];
	size_t len = strnlen(purpose, SIGNED_ID_PURPOSE_MAX);

	memcpy(text, purpose, len);
	memcpy(text + len, body, SIGNED_BYTES);
	jwt_sign(secret, text, len + SIGNED_BYTES, signature);
}

void signed_id_format(const char *purpose, const char *secret, const struct signed_id *signed_id, char text[SIGNED_ID_LEN + 1])
{
	uint8_t bytes[SIGNED_ID_BYTES];

	memcpy(bytes, signed_id->id, JWT_JTI_BYTES);
	for (int i = 0; i < 8; i++)
		bytes[JWT_JTI_BYTES + i] = (uint8_t)((uint64_t)signed_id->number >> (56 - 8 * i));
	sign(purpose, secret, bytes, bytes + SIGNED_BYTES);
	text[base64url_encode(bytes, sizeof bytes, text)] = '\0';
}

static bool is_signed_by(const char *purpose, const char *secret, const uint8_t bytes[SIGNED_ID_BYTES])
{
	uint8_t expected[JWT_SIGNATURE_BYTES];

	sign(purpose, secret, bytes, expected);
	return mbedtls_ct_memcmp(expected, bytes + SIGNED_BYTES, sizeof expected) == 0;
}

enum status signed_id_parse(const char *purpose, const char *secret, const char *previous_secret, const char *text,
			    struct signed_id *ret_signed_id)
{
	uint8_t bytes[SIGNED_ID_BYTES + 3];
	uint64_t number = 0;
	size_t len;

	if (strlen(text) != SIGNED_ID_LEN || base64url_decode(text, SIGNED_ID_LEN, bytes, &len) != STATUS_OK ||
	    len != SIGNED_ID_BYTES ||
	    (!is_signed_by(purpose, secret, bytes) && !(previous_secret && is_signed_by(purpose, previous_secret, bytes))))
		return STATUS_INVALID;
	for (int i = 0; i < 8; i++)
		number = number << 8 | bytes[JWT_JTI_BYTES + i];
	memcpy(ret_signed_id->id, bytes, JWT_JTI_BYTES);
	ret_signed_id->number = (int64_t)number;
	return STATUS_OK;
}

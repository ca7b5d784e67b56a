#include "auth/refresh_token.h"

#include <mbedtls/constant_time.h>
#include <string.h>

#include "auth/jwt_internal.h"

#define SIGNED_BYTES (JWT_JTI_BYTES + 8)

static const char purpose[] = "abacus refresh token 1:"; /* a blank and a colon are in no base64url */

static void sign(const char *secret, const uint8_t body[SIGNED_BYTES], uint8_t signature[JWT_SIGNATURE_BYTES])
{
	char text[sizeof purpose - 1 + SIGNED_BYTES];

	memcpy(text, purpose, sizeof purpose - 1);
	memcpy(text + sizeof purpose - 1, body, SIGNED_BYTES);
	jwt_sign(secret, text, sizeof text, signature);
}

void refresh_token_format(const char *secret, const struct refresh_token *token, char text[REFRESH_TOKEN_LEN + 1])
{
	uint8_t bytes[REFRESH_TOKEN_BYTES];

	memcpy(bytes, token->session, JWT_JTI_BYTES);
	for (int i = 0; i < 8; i++)
		bytes[JWT_JTI_BYTES + i] = (uint8_t)((uint64_t)token->counter >> (56 - 8 * i));
	sign(secret, bytes, bytes + SIGNED_BYTES);
	text[base64url_encode(bytes, sizeof bytes, text)] = '\0';
}

static bool is_signed_by(const char *secret, const uint8_t bytes[REFRESH_TOKEN_BYTES])
{
	uint8_t expected[JWT_SIGNATURE_BYTES];

	sign(secret, bytes, expected);
	return mbedtls_ct_memcmp(expected, bytes + SIGNED_BYTES, sizeof expected) == 0;
}

enum status refresh_token_parse(const char *secret, const char *previous_secret, const char *text,
				struct refresh_token *ret_token)
{
	uint8_t bytes[REFRESH_TOKEN_BYTES + 3];
	uint64_t counter = 0;
	size_t len;

	if (strlen(text) != REFRESH_TOKEN_LEN || base64url_decode(text, REFRESH_TOKEN_LEN, bytes, &len) != STATUS_OK ||
	    len != REFRESH_TOKEN_BYTES ||
	    (!is_signed_by(secret, bytes) && !(previous_secret && is_signed_by(previous_secret, bytes))))
		return STATUS_INVALID;
	for (int i = 0; i < 8; i++)
		counter = counter << 8 | bytes[JWT_JTI_BYTES + i];
	memcpy(ret_token->session, bytes, JWT_JTI_BYTES);
	ret_token->counter = (int64_t)counter;
	return STATUS_OK;
}

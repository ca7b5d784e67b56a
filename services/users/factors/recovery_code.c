#include "factors/recovery_code.h"

#include <ctype.h>
#include <mbedtls/md.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "factors/base32.h"

#define PLAIN_LEN BASE32_LEN(RECOVERY_CODE_BYTES)
#define GROUP 6

void recovery_code_make(char text[RECOVERY_CODE_LEN + 1])
{
	uint8_t bytes[RECOVERY_CODE_BYTES];
	char plain[PLAIN_LEN + 1];

	random_fill(bytes, sizeof bytes);
	base32_encode(bytes, sizeof bytes, plain);
	for (size_t i = 0; i < PLAIN_LEN; i++) {
		if (i > 0 && i % GROUP == 0)
			*text++ = '-';
		*text++ = plain[i];
	}
	*text = '\0';
}

static enum status read_plain(const char *text, char plain[PLAIN_LEN + 1])
{
	size_t len = 0;

	for (; *text; text++) {
		char letter = (char)toupper((unsigned char)*text);

		if (letter == '-' || letter == ' ')
			continue;
		if (len == PLAIN_LEN || !((letter >= 'A' && letter <= 'Z') || (letter >= '2' && letter <= '7')))
			return STATUS_INVALID;
		plain[len++] = letter;
	}
	plain[len] = '\0';
	return len == PLAIN_LEN ? STATUS_OK : STATUS_INVALID;
}

enum status recovery_code_hash(const char *text, char ret_hash[RECOVERY_HASH_LEN + 1])
{
	char plain[PLAIN_LEN + 1];
	uint8_t digest[32];

	if (read_plain(text, plain) != STATUS_OK)
		return STATUS_INVALID;
	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)plain, PLAIN_LEN, digest) != 0)
		mem_die("mbedtls has no SHA-256\n");
	ret_hash[base64url_encode(digest, sizeof digest, ret_hash)] = '\0';
	return STATUS_OK;
}

void recovery_code_make_set(char codes[RECOVERY_CODES][RECOVERY_CODE_LEN + 1], char ret_array[RECOVERY_ARRAY_BYTES])
{
	char *at = ret_array;

	for (int i = 0; i < RECOVERY_CODES; i++) {
		char hash[RECOVERY_HASH_LEN + 1];

		recovery_code_make(codes[i]);
		if (recovery_code_hash(codes[i], hash) != STATUS_OK)
			mem_die("a recovery code of ours is none\n");
		*at++ = i == 0 ? '{' : ',';
		memcpy(at, hash, RECOVERY_HASH_LEN);
		at += RECOVERY_HASH_LEN;
	}
	*at++ = '}';
	*at = '\0';
}

#include "factors/totp.h"

#include <ctype.h>
#include <mbedtls/md.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define MODULUS 1000000
#define SHA1_BYTES 20

uint32_t totp_code(const uint8_t *secret, size_t len, uint64_t step)
{
	uint8_t counter[8], mac[SHA1_BYTES];
	const uint8_t *at;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)(step >> (56 - 8 * i));
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), secret, len, counter, sizeof counter, mac) != 0)
		mem_die("mbedtls has no HMAC-SHA1\n");
	at = mac + (mac[SHA1_BYTES - 1] & 15);
	return ((uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) % MODULUS;
}

static bool parse(const char *code, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (strlen(code) != TOTP_DIGITS)
		return false;
	for (const char *digit = code; *digit; digit++) {
		if (!isdigit((unsigned char)*digit))
			return false;
		number = number * 10 + (uint32_t)(*digit - '0');
	}
	*ret_number = number;
	return true;
}

bool totp_find_step(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now_s, int64_t after, int64_t *ret_step)
{
	int64_t now = now_s / TOTP_STEP_S, found = 0;
	uint32_t number;

	if (!parse(code, &number))
		return false;
	for (int64_t step = now + 1; step >= now - 1; step--) {
		if (totp_code(secret, TOTP_SECRET_BYTES, (uint64_t)step) == number && step > after)
			found = step;
	}
	if (found)
		*ret_step = found;
	return found != 0;
}

static void add_escaped(struct buf *uri, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_add(uri, text, 1);
		else
			buf_printf(uri, "%%%02X", (unsigned char)*text);
	}
}

char *totp_uri(const char *account, const char *secret_base32)
{
	struct buf uri = {0};

	buf_text(&uri, "otpauth://totp/Abacus:");
	add_escaped(&uri, account);
	buf_printf(&uri, "?secret=%s&issuer=Abacus&algorithm=SHA1&digits=%d&period=%d", secret_base32, TOTP_DIGITS,
		   TOTP_STEP_S);
	return uri.bytes;
}

#include "auth/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const uint8_t *bytes, size_t len, char *text)
{
	unsigned bits = 0, held = 0;
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		held = held << 8 | bytes[i];
		for (bits += 8; bits >= 6; bits -= 6)
			text[out++] = alphabet[held >> (bits - 6) & 63];
	}
	if (bits)
		text[out++] = alphabet[held << (6 - bits) & 63];
	return out;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum status base64url_decode(const char *text, size_t len, uint8_t *bytes, size_t *ret_len)
{
	unsigned bits = 0, held = 0;
	size_t out = 0;

	if (len % 4 == 1)
		return STATUS_INVALID;
	for (size_t i = 0; i < len; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return STATUS_INVALID;
		held = (held << 6 | (unsigned)value) & 0xFFFF;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[out++] = (uint8_t)(held >> bits);
		}
	}
	if (held & ((1u << bits) - 1))
		return STATUS_INVALID;
	*ret_len = out;
	return STATUS_OK;
}

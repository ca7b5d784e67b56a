#include "factors/base32.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_encode(const uint8_t *bytes, size_t len, char *text)
{
	unsigned waiting = 0, bits = 0;

	for (size_t i = 0; i < len; i++) {
		waiting = (waiting << 8 | bytes[i]) & 0xFFF;
		for (bits += 8; bits >= 5; bits -= 5)
			*text++ = alphabet[waiting >> (bits - 5) & 31];
	}
	if (bits > 0)
		*text++ = alphabet[waiting << (5 - bits) & 31];
	*text = '\0';
}

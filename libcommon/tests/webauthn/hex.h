/* Bytes of the tests, written in hexadecimal. */
#ifndef ABACUS_TESTS_WEBAUTHN_HEX_H
#define ABACUS_TESTS_WEBAUTHN_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns their number. */
static inline size_t from_hex(const char *text, uint8_t *bytes, size_t size)
{
	size_t len = strlen(text) / 2;
	unsigned byte;

	assert(len <= size);
	for (size_t i = 0; i < len; i++) {
		int read = sscanf(text + 2 * i, "%2x", &byte);

		assert(read == 1);
		(void)read;
		bytes[i] = (uint8_t)byte;
	}
	return len;
}

#endif

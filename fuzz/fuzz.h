/* What the fuzz targets share. A target is a program of its own, NAME.c; libFuzzer (or another engine that OSS-Fuzz knows)
 * calls LLVMFuzzerTestOneInput() with one input after the other in one process. A broken invariant aborts, and the engine then
 * writes the input to a file. A target keeps nothing of an input for the next one, so that the file alone shows the fault. */
#ifndef ABACUS_FUZZ_H
#define ABACUS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says which invariant is broken, because the optimizer merges the calls of abort(). */
#define require(invariant) ((invariant) ? (void)0 : broken(#invariant, __FILE__, __LINE__))

static inline _Noreturn void broken(const char *invariant, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, invariant);
	abort();
}

/* A copy that ends where its allocation ends, so that AddressSanitizer sees each read beyond it. The caller frees it. */
static inline char *copy_bytes(const void *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* The same with a NUL behind it. */
static inline char *copy_text(const void *bytes, size_t len)
{
	char *copy = calloc(1, len + 1);

	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* Takes the first byte of the input; 0 when there is none. */
static inline uint8_t take_byte(const uint8_t **data, size_t *size)
{
	if (*size == 0)
		return 0;
	--*size;
	return *(*data)++;
}

/* Takes the input up to the next newline, or all that is left, as a text. The caller frees it. */
static inline char *take_line(const uint8_t **data, size_t *size)
{
	const uint8_t *newline = *size ? memchr(*data, '\n', *size) : NULL;
	size_t len = newline ? (size_t)(newline - *data) : *size;
	char *line = copy_text(*data, len);

	*data += len + (newline != NULL);
	*size -= len + (newline != NULL);
	return line;
}

#endif

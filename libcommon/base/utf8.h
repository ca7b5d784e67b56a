/* Checks for well-formed UTF-8 (The Unicode Standard 15, table 3-7; RFC 3629 §4), also as text arrives piece by piece:
 * malformed text is noticed at its first wrong byte. */
#ifndef ABACUS_BASE_UTF8_H
#define ABACUS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The place within a sequence where the text read so far ends. {0}: between two sequences. */
struct utf8 {
	unsigned char missing;   /* bytes that the sequence still lacks */
	unsigned char low, high; /* range of its next byte */
};

/* Reads the next bytes. False: malformed; the state must not be used any more. */
bool utf8_read(struct utf8 *utf8, const char *bytes, size_t len);
/* True when the text may end here, because its last sequence is whole. */
bool utf8_is_whole(const struct utf8 *utf8);
/* For text that has arrived whole. */
bool utf8_is_valid(const char *bytes, size_t len);
/* Length in bytes of the first sequence of a text that ends with NUL; 0: malformed. */
size_t utf8_sequence_len(const char *text);

#endif

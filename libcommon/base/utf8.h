/* Well-formed UTF-8 (The Unicode Standard 15, table 3-7; RFC 3629 §4), checked as it arrives: malformed text is noticed at its
 * first wrong byte. */
#ifndef ABACUS_BASE_UTF8_H
#define ABACUS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Where in a sequence the text read so far stopped. {0} is between two sequences. */
struct utf8 {
	unsigned char missing;   /* bytes that the sequence still lacks */
	unsigned char low, high; /* range of its next byte */
};

/* Reads on. False: malformed; the state is of no use afterwards. */
bool utf8_read(struct utf8 *utf8, const char *bytes, size_t len);
/* The text may end here: its last sequence is whole. */
bool utf8_is_whole(const struct utf8 *utf8);
/* Both of the above, for text that is there whole. */
bool utf8_is_valid(const char *bytes, size_t len);
/* Length in bytes of the sequence that text, which ends with NUL, begins with; 0: malformed. */
size_t utf8_sequence_len(const char *text);

#endif

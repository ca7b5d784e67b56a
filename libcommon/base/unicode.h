/* Unicode by utf8proc: the normal form NFC (UAX #15), and what a character is. Text is UTF-8 that ends with NUL. */
#ifndef ABACUS_BASE_UNICODE_H
#define ABACUS_BASE_UNICODE_H

#include <stddef.h>

/* The caller frees. NULL: the text is malformed. At most three times as long as the text. */
char *unicode_nfc(const char *text) __attribute__((warn_unused_result));

enum unicode_kind {
	UNICODE_VISIBLE,   /* letters, digits, punctuation, symbols */
	UNICODE_SPACE,     /* white space within a line (Zs), and Braille without dots */
	UNICODE_CONTROL,   /* control and format characters, those that set the direction, and ends of lines (Cc, Cf, Zl, Zp) */
	UNICODE_INVISIBLE, /* marks and fillers, which show nothing alone; private and unassigned characters */
};

/* The kind of the first character of a text that is not empty. Returns its length in bytes; 0: it is malformed. */
size_t unicode_read(const char *text, enum unicode_kind *ret_kind);

#endif

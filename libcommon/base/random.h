/* Random bytes from the kernel, for tokens, salts and ids: never predictable ones. */
#ifndef ABACUS_BASE_RANDOM_H
#define ABACUS_BASE_RANDOM_H

#include <stddef.h>

/* Ends the process if the kernel gives none, because a predictable token is worse than none. */
void random_fill(void *bytes, size_t len);
/* Lower-case hexadecimal digits (an even number, up to 64) and a NUL, for ids and not for secrets: one system call gets the
 * bytes of many. Not before a fork(), because the child would make the same ones. */
void random_hex(char *ret_text, size_t digits);

#endif

/* Random bytes from the kernel, for tokens, salts and ids: never predictable ones. */
#ifndef ABACUS_BASE_RANDOM_H
#define ABACUS_BASE_RANDOM_H

#include <stddef.h>

/* Ends the process if the kernel gives none, because a predictable token is worse than none. */
void random_fill(void *bytes, size_t len);

#define RANDOM_ID_BYTES_MAX 32
/* For ids and not for secrets: one system call gets the bytes of many. At most RANDOM_ID_BYTES_MAX. */
void random_id(void *ret_bytes, size_t len);
/* The same as lower-case hexadecimal digits (an even number) and a NUL. */
void random_hex(char *ret_text, size_t digits);
/* Drops what is kept of them. In a child of fork(), which would otherwise make the ids of its parent. */
void random_forget(void);

#endif

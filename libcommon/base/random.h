/* Random bytes from the kernel, for tokens, salts and ids: never predictable ones. */
#ifndef ABACUS_BASE_RANDOM_H
#define ABACUS_BASE_RANDOM_H

#include <stddef.h>

/* Ends the process if the kernel gives none, because a predictable token is worse than none. */
void random_fill(void *bytes, size_t len);

#endif

/* Allocation that cannot fail: running out of memory writes one line to standard error and aborts, because on Linux the failing
 * path cannot be tested into correctness. Everything that a peer sends is bounded before it is allocated for. */
#ifndef ABACUS_BASE_MEM_H
#define ABACUS_BASE_MEM_H

#include <stddef.h>

#define MEM_ALLOCATES __attribute__((malloc, returns_nonnull, warn_unused_result))

void *mem_alloc(size_t bytes) MEM_ALLOCATES; /* zeroed */
void *mem_resize(void *old, size_t bytes) __attribute__((returns_nonnull, warn_unused_result));
char *mem_strdup(const char *text) MEM_ALLOCATES;
char *mem_strndup(const char *text, size_t len) MEM_ALLOCATES;
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull, warn_unused_result));
/* Ends the process: writes the line (newline included) to standard error and aborts. Without the line if standard error has no
 * room, because the process must end although its output is not read. Allocates nothing and does not log, because the log needs
 * memory too. */
void mem_die(const char *line) __attribute__((noreturn));
/* Overwrites the text in a way that the compiler does not optimize away, then frees it. NULL is fine. */
void mem_free_secret(char *secret);
/* Releases the pages of the program and its libraries that this process has only read; pages that it needs again come back from
 * the page cache. For a process that reads much until it is ready, and little later. */
void mem_drop_clean_pages(void);

#endif

/* A growing byte buffer. */
#ifndef ABACUS_BASE_BUF_H
#define ABACUS_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char *bytes; /* NUL-terminated whenever not NULL */
	size_t len, capacity;
};

void buf_free(struct buf *buf); /* leaves it empty and usable */
void buf_add(struct buf *buf, const char *bytes, size_t len);
void buf_text(struct buf *buf, const char *text);
void buf_int(struct buf *buf, int64_t number);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

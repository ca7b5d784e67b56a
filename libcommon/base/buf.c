#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

void buf_free(struct buf *buf)
{
	free(buf->bytes);
	*buf = (struct buf){0};
}

/* Room for len more bytes and the closing NUL. */
static char *reserve(struct buf *buf, size_t len)
{
	size_t needed = buf->len + len + 1;

	if (needed > buf->capacity) {
		size_t capacity = buf->capacity ? buf->capacity : 256;

		while (capacity < needed)
			capacity *= 2;
		buf->bytes = mem_resize(buf->bytes, capacity);
		buf->capacity = capacity;
	}
	return buf->bytes + buf->len;
}

void buf_add(struct buf *buf, const char *bytes, size_t len)
{
	char *end = reserve(buf, len);

	if (len) /* the bytes of an empty buffer are NULL */
		memcpy(end, bytes, len);
	end[len] = '\0';
	buf->len += len;
}

void buf_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_int(struct buf *buf, int64_t number)
{
	char digits[INT64_TEXT_BYTES];
	size_t len = int64_format(number, digits);

	buf_add(buf, digits, len);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	va_start(args, format);
	vsnprintf(reserve(buf, (size_t)len), (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

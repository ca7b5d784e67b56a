#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static void *check(void *memory)
{
	if (memory)
		return memory;
	log_line(LOG_ERROR, "out of memory");
	abort();
}

void *mem_alloc(size_t bytes)
{
	return check(calloc(1, bytes ? bytes : 1));
}

void *mem_resize(void *old, size_t bytes)
{
	return check(realloc(old, bytes ? bytes : 1));
}

char *mem_strdup(const char *text)
{
	return check(strdup(text));
}

char *mem_strndup(const char *text, size_t len)
{
	return check(strndup(text, len));
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return check(text);
}

void mem_free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* In place of base/standard_error.c: what a daemon would write to standard error is kept, when a target asks for it. */
#ifndef ABACUS_FUZZ_STANDARD_ERROR_H
#define ABACUS_FUZZ_STANDARD_ERROR_H

#include <stdarg.h>
#include <stdio.h>

#include "base/standard_error.h"

static FILE *kept_errors; /* NULL: they go to standard error */

void standard_error_write(const char *text)
{
	fputs(text, kept_errors ? kept_errors : stderr);
}

void standard_error_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(kept_errors ? kept_errors : stderr, format, args);
	va_end(args);
}

static void keep_errors(char **ret_text, size_t *ret_len)
{
	kept_errors = open_memstream(ret_text, ret_len);
}

/* The text of keep_errors() is whole; free() it. */
static void kept_all_errors(void)
{
	fclose(kept_errors);
	kept_errors = NULL;
}

#endif

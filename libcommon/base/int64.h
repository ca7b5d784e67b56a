/* Whole numbers as text and back. */
#ifndef ABACUS_BASE_INT64_H
#define ABACUS_BASE_INT64_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Text that is a whole non-negative or negative decimal and nothing else: "007" and "+7" and " 7" are refused. */
enum status int64_parse(const char *text, int64_t *ret_number) MUST_CHECK;
/* The other way round, ended with '\0'; returns the length. snprintf() was felt where one request names twenty indexes. */
#define INT64_TEXT_BYTES 24
size_t int64_format(int64_t number, char ret_text[INT64_TEXT_BYTES]);

#endif

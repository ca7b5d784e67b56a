/* Whole numbers of 64 bits from decimal text, and as decimal text. */
#ifndef ABACUS_BASE_INT64_H
#define ABACUS_BASE_INT64_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* INVALID unless the text is the one decimal spelling of a number that fits: "007", "+7", "-0" and " 7" are refused. */
enum status int64_parse(const char *text, int64_t *ret_number) MUST_CHECK;
/* Writes the number with a closing NUL and returns its length. Not snprintf(), because that cost measurable time in requests
 * that name twenty indexes. */
#define INT64_TEXT_BYTES 24
size_t int64_format(int64_t number, char ret_text[INT64_TEXT_BYTES]);

#endif

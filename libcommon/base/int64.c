#include "base/int64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum status int64_parse(const char *text, int64_t *ret_number)
{
	const char *digits = text + (*text == '-');
	size_t len = strspn(digits, "0123456789");
	int64_t number;

	if (len == 0 || len > 19 || digits[len] || (*digits == '0' && (len > 1 || *text == '-')))
		return STATUS_INVALID;
	errno = 0;
	number = strtoll(text, NULL, 10);
	if (errno)
		return STATUS_INVALID;
	*ret_number = number;
	return STATUS_OK;
}

size_t int64_format(int64_t number, char ret_text[INT64_TEXT_BYTES])
{
	char digits[INT64_TEXT_BYTES], *end = digits + sizeof digits, *at = end;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		*--at = '-';
	memcpy(ret_text, at, (size_t)(end - at));
	ret_text[end - at] = '\0';
	return (size_t)(end - at);
}

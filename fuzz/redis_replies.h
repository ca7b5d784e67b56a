/* Replies of Redis, of any bytes, for the targets that read them. */
#ifndef ABACUS_FUZZ_REDIS_REPLIES_H
#define ABACUS_FUZZ_REDIS_REPLIES_H

#include <hiredis/hiredis.h>

#include "fuzz.h"

#define COUNT_DIGITS_MAX 4

/* hiredis reserves memory for as many elements as an array announces. Redis is trusted that far. */
static inline bool announces_too_many(const uint8_t *data, size_t size)
{
	size_t digits = 0;
	bool is_count = false;

	for (size_t i = 0; i < size; i++) {
		is_count = data[i] == '*' || (is_count && data[i] >= '0' && data[i] <= '9');
		digits = data[i] == '*' || !is_count ? 0 : digits + 1;
		if (digits > COUNT_DIGITS_MAX)
			return true;
	}
	return false;
}

/* The caller frees it. NULL: the input is of no use. */
static inline redisReader *open_replies(const uint8_t *data, size_t size)
{
	redisReader *reader;

	if (announces_too_many(data, size))
		return NULL;
	reader = redisReaderCreate();
	redisReaderFeed(reader, (const char *)data, size);
	return reader;
}

#endif

/* Random input whose seed is printed; TEST_SEED repeats a run. Include after cmocka.h. */
#ifndef ABACUS_TESTS_RANDOM_INPUT_H
#define ABACUS_TESTS_RANDOM_INPUT_H

#include <stdlib.h>

#include "base/clock.h"

static inline void random_input_start(void)
{
	const char *given = getenv("TEST_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)clock_monotonic_us();

	print_message("TEST_SEED=%u\n", seed);
	srandom(seed);
}

static inline size_t random_input_bytes(uint8_t *bytes, size_t most)
{
	size_t len = (size_t)random() % (most + 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random();
	return len;
}

#endif

/* When what may be used up counts as nearly full. */
#ifndef ABACUS_HEALTHCHECK_FULL_H
#define ABACUS_HEALTHCHECK_FULL_H

#include <stdbool.h>
#include <stdint.h>

#define FULL_PERCENT 90

/* In floating point, because what a peer reports may be any number. */
static inline bool full_is_near(int64_t used, int64_t most)
{
	return (double)used * 100 >= (double)most * FULL_PERCENT;
}

#endif

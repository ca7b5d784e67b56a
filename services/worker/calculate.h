/* The calculations themselves: exact, by GMP. */
#ifndef ABACUS_WORKER_CALCULATE_H
#define ABACUS_WORKER_CALCULATE_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "jobs/kinds.h"

/* index >= 0. Blocks for as long as it takes. */
void calculate(enum kind kind, int64_t index, mpz_t result);
/* Whether it, and its conversion to decimal, takes well under a millisecond, so that it may run on the loop. */
bool calculation_is_small(enum kind kind, int64_t index);

#endif

/* The mathematics: exact results by GMP (https://gmplib.org/manual/). */
#ifndef ABACUS_WORKER_CALCULATE_H
#define ABACUS_WORKER_CALCULATE_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "jobs/kinds.h"

/* index >= 0. Blocks for as long as it takes. */
void calculate(enum kind kind, int64_t index, mpz_t result);
/* Whether the calculation and the conversion of its result to decimal take well under a millisecond, so that the loop may run
 * them. */
bool calculation_is_small(enum kind kind, int64_t index);

#endif

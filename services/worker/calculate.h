/* The mathematics: exact results by GMP (https://gmplib.org/manual/). */
#ifndef ABACUS_WORKER_CALCULATE_H
#define ABACUS_WORKER_CALCULATE_H

#include <gmp.h>
#include <stdint.h>

#include "jobs/kinds.h"

/* index >= 0. Blocks for as long as it takes. */
void calculate(enum kind kind, int64_t index, mpz_t result);

#endif

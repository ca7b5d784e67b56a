/* The kinds of calculation: what values accepts and the worker computes. */
#ifndef ABACUS_KINDS_H
#define ABACUS_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

enum kind { KIND_FIBONACCI, KIND_LUCAS, KIND_FACTORIAL, KIND_PRIMORIAL, KIND_COUNT };

struct kinds_config {
	long max[KIND_COUNT];
};
extern const struct config_option kinds_options[];

const char *kind_name(enum kind kind);                 /* "fibonacci" */
const char *kind_description(enum kind kind);          /* one line */
int kind_parse(const char *name, enum kind *ret_kind); /* 0, -1: unknown */

/* How long a calculation takes, with the conversion of its result to decimal, on one core of a fast machine: at least 1, and
 * never less for a higher index of the same kind. Other cores may take several times as long, each calculation alike. */
int64_t kind_estimate_us(enum kind kind, int64_t index);
/* Up to this estimate a calculation is small, and the loop of a worker may run it: 0.3 ms on a core 25 times slower. */
#define KIND_SMALL_US 12
static inline bool kind_is_small(enum kind kind, int64_t index)
{
	return kind_estimate_us(kind, index) <= KIND_SMALL_US;
}
/* The highest index whose calculation is small. */
int64_t kind_small_max(enum kind kind);

#endif

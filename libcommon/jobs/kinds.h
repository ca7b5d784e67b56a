/* The kinds of calculation: what values accepts and the worker computes. */
#ifndef ABACUS_KINDS_H
#define ABACUS_KINDS_H

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

#endif

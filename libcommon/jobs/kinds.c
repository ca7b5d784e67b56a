#include "jobs/kinds.h"

#include <string.h>

static const struct {
	const char *name;
	const char *description;
} kinds[KIND_COUNT] = {
	[KIND_FIBONACCI] = {"fibonacci", "The Fibonacci number F(index + 1), so that 0 and 1 give 1 and 7 gives 21."},
	[KIND_LUCAS] = {"lucas", "The Lucas number L(index), with L(0) = 2 and L(1) = 1."},
	[KIND_FACTORIAL] = {"factorial", "The product of all whole numbers from 1 to index."},
	[KIND_PRIMORIAL] = {"primorial", "The product of all primes up to index."},
};

const struct config_option kinds_options[] = {
	{"VALUES_MAX_FIBONACCI", CONFIG_INT, offsetof(struct kinds_config, max[KIND_FIBONACCI]), "1000000",
	 "highest index of kind fibonacci", 1, 10000000, false},
	{"VALUES_MAX_LUCAS", CONFIG_INT, offsetof(struct kinds_config, max[KIND_LUCAS]), "1000000",
	 "highest index of kind lucas", 1, 10000000, false},
	{"VALUES_MAX_FACTORIAL", CONFIG_INT, offsetof(struct kinds_config, max[KIND_FACTORIAL]), "100000",
	 "highest index of kind factorial", 1, 1000000, false},
	{"VALUES_MAX_PRIMORIAL", CONFIG_INT, offsetof(struct kinds_config, max[KIND_PRIMORIAL]), "1000000",
	 "highest index of kind primorial", 1, 10000000, false},
	{0},
};

const char *kind_name(enum kind kind)
{
	return kinds[kind].name;
}

const char *kind_description(enum kind kind)
{
	return kinds[kind].description;
}

int kind_parse(const char *name, enum kind *ret_kind)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		if (strcmp(kinds[kind].name, name) != 0)
			continue;
		*ret_kind = (enum kind)kind;
		return 0;
	}
	return -1;
}

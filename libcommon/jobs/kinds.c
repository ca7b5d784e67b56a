#include "jobs/kinds.h"

#include <string.h>

#define KIND_INDEX_MAX \
	INT64_C(1000000000000) /* for the estimate alone: far above every limit, and nothing overflows below it */

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

/* ---- how long it takes ---- */

/* Measured, the quickest of several runs each: GMP 6.2, -O2, one core of a shared machine. Between two points the estimate is a
 * line, which is at most a fifth too high, because the time grows faster than the index; beyond the last one it goes on as
 * between the last two. */
#define POINTS 9
static const struct {
	int64_t index, us;
} points[KIND_COUNT][POINTS] = {
	[KIND_FIBONACCI] = {{0, 1},
			    {10000, 9},
			    {20000, 24},
			    {50000, 87},
			    {100000, 242},
			    {300000, 1278},
			    {1000000, 7267},
			    {3000000, 31542},
			    {10000000, 144404}},
	[KIND_LUCAS] = {{0, 1},
			{10000, 9},
			{20000, 22},
			{50000, 80},
			{100000, 222},
			{300000, 1167},
			{1000000, 6423},
			{3000000, 28575},
			{10000000, 133122}},
	[KIND_FACTORIAL] = {{0, 1},
			    {800, 10},
			    {2000, 38},
			    {5000, 176},
			    {10000, 558},
			    {30000, 3459},
			    {100000, 21060},
			    {300000, 102079},
			    {1000000, 513787}},
	[KIND_PRIMORIAL] = {{0, 1},
			    {3000, 11},
			    {10000, 46},
			    {30000, 188},
			    {100000, 1057},
			    {300000, 4949},
			    {1000000, 25391},
			    {3000000, 107066},
			    {10000000, 470410}},
};

int64_t kind_estimate_us(enum kind kind, int64_t index)
{
	int at = 1;

	if (index > KIND_INDEX_MAX)
		index = KIND_INDEX_MAX;
	while (at < POINTS - 1 && points[kind][at].index < index)
		at++;
	return points[kind][at - 1].us + (index - points[kind][at - 1].index) *
						 (points[kind][at].us - points[kind][at - 1].us) /
						 (points[kind][at].index - points[kind][at - 1].index);
}

int64_t kind_small_max(enum kind kind)
{
	int64_t small = 0, large = KIND_INDEX_MAX;

	while (large - small > 1) {
		int64_t middle = small + (large - small) / 2;

		if (kind_is_small(kind, middle))
			small = middle;
		else
			large = middle;
	}
	return small;
}

/* ---- names ---- */

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

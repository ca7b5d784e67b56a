/* Sets of a few buckets each, as in previews.c. A bucket is known by the hash of its name alone: two names with one hash share
 * a bucket, which makes the limit stricter and never looser. */
#include "local_buckets.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SETS 1024
#define WAYS 4

struct bucket {
	uint64_t name; /* 0: not in use */
	int64_t full_at_us;
};

struct local_buckets {
	struct bucket sets[SETS][WAYS]; /* used last comes first */
};

/* FNV-1a, never 0 (https://datatracker.ietf.org/doc/html/draft-eastlake-fnv) */
static uint64_t hash(const char *name)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		sum = (sum ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return sum | 1;
}

/* Moves the bucket to the front of its set; one that is new is full, and takes the place of the one used longest ago. */
static struct bucket *find(struct local_buckets *buckets, uint64_t name)
{
	struct bucket *set = buckets->sets[(name >> 32) % SETS], found = {.name = name};
	int at = 0;

	while (at < WAYS - 1 && set[at].name != name)
		at++;
	if (set[at].name == name)
		found = set[at];
	memmove(set + 1, set, (size_t)at * sizeof *set);
	set[0] = found;
	return set;
}

long local_buckets_take(struct local_buckets *buckets, const char *name, long wanted, long token_us, long most, int64_t now_us,
			int64_t *ret_full_in_us)
{
	struct bucket *bucket = find(buckets, hash(name));
	long taken;

	if (bucket->full_at_us < now_us)
		bucket->full_at_us = now_us;
	taken = (now_us + most * token_us - bucket->full_at_us) / token_us;
	if (taken > wanted)
		taken = wanted;
	bucket->full_at_us += taken * token_us;
	*ret_full_in_us = bucket->full_at_us - now_us;
	return taken;
}

struct local_buckets *local_buckets_new(void)
{
	return mem_alloc(sizeof(struct local_buckets));
}

void local_buckets_free(struct local_buckets *buckets)
{
	free(buckets);
}

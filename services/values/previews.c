/* Sets of a few entries each. The index chooses the set, so indexes that follow each other never share one until all sets are
 * in use. In a full set the oldest entry is replaced. */
#include "previews.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SETS 1024
#define WAYS 4 /* 4,096 previews of at most JOBS_PREVIEW_DIGITS */

struct entry {
	struct job_result result;
	char preview[];
};

struct previews {
	struct entry *sets[SETS][WAYS]; /* newest first */
};

static struct entry **set_of(struct previews *previews, struct job_key key)
{
	return previews->sets[((uint64_t)key.index + (uint64_t)key.kind * (SETS / KIND_COUNT)) % SETS];
}

const struct job_result *previews_find(struct previews *previews, struct job_key key)
{
	struct entry **set = set_of(previews, key);

	for (int i = 0; i < WAYS && set[i]; i++)
		if (set[i]->result.key.index == key.index && set[i]->result.key.kind == key.kind)
			return &set[i]->result;
	return NULL;
}

void previews_keep(struct previews *previews, const struct job_result *result)
{
	struct entry **set = set_of(previews, result->key), *entry;

	if (previews_find(previews, result->key))
		return;
	entry = mem_alloc(sizeof *entry + result->preview_len);
	entry->result = *result;
	entry->result.preview = memcpy(entry->preview, result->preview, result->preview_len);
	free(set[WAYS - 1]);
	for (int i = WAYS - 1; i > 0; i--)
		set[i] = set[i - 1];
	set[0] = entry;
}

struct previews *previews_new(void)
{
	return mem_alloc(sizeof(struct previews));
}

void previews_free(struct previews *previews)
{
	if (!previews)
		return;
	for (int i = 0; i < SETS; i++)
		for (int j = 0; j < WAYS; j++)
			free(previews->sets[i][j]);
	free(previews);
}

#include "announcements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"
#include "jobs/jobs.h"

/* Between a result and its second announcement there is at most a window of jobs, so each bucket gets a few others. */
#define BUCKETS 2048
#define PLACES 8       /* of a bucket */
#define HEAD_BYTES 128 /* longer than all up to the index */

struct announcements {
	struct bucket {
		unsigned count; /* put into it so far; the last ones are there */
		struct job_key places[PLACES];
	} buckets[BUCKETS];
};

/* {"event":"value","kind":"fibonacci","index":7,… as finish.lua writes it */
static bool read_key(const char *json, size_t len, struct job_key *ret_key)
{
	static const char begin[] = "{\"event\":\"value\",\"kind\":\"", middle[] = "\",\"index\":";
	char head[HEAD_BYTES], *end, *index;

	snprintf(head, sizeof head, "%.*s", (int)(len < sizeof head ? len : sizeof head - 1), json);
	end = strstr(head, middle);
	if (strncmp(head, begin, strlen(begin)) != 0 || !end)
		return false;
	*end = '\0';
	index = end + strlen(middle);
	index[strcspn(index, ",")] = '\0';
	return kind_parse(head + strlen(begin), &ret_key->kind) == 0 && int64_parse(index, &ret_key->index) == STATUS_OK &&
	       ret_key->index >= 0;
}

/* Indexes that follow each other are in buckets that do. */
static struct bucket *bucket_of(struct announcements *announcements, struct job_key key)
{
	return &announcements->buckets[((uint64_t)key.index + (uint64_t)key.kind * (BUCKETS / KIND_COUNT)) % BUCKETS];
}

static bool has(const struct bucket *bucket, struct job_key key)
{
	for (unsigned i = 0; i < bucket->count && i < PLACES; i++)
		if (bucket->places[i].kind == key.kind && bucket->places[i].index == key.index)
			return true;
	return false;
}

bool announcements_are_news(struct announcements *announcements, const char *json, size_t len)
{
	struct job_key key;
	struct bucket *bucket;

	if (!read_key(json, len, &key))
		return true;
	bucket = bucket_of(announcements, key);
	if (has(bucket, key))
		return false;
	bucket->places[bucket->count++ % PLACES] = key;
	return true;
}

void announcements_forget(struct announcements *announcements)
{
	for (int i = 0; i < BUCKETS; i++)
		announcements->buckets[i].count = 0;
}

struct announcements *announcements_new(void)
{
	return mem_alloc(sizeof(struct announcements));
}

void announcements_free(struct announcements *announcements)
{
	free(announcements);
}

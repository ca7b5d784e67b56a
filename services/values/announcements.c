#include "announcements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"
#include "jobs/jobs.h"

#define SLOTS 4096
#define HEAD_BYTES 128 /* longer than all up to the index */

struct announcements {
	struct slot {
		bool is_taken;
		struct job_key key;
	} slots[SLOTS];
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

/* Indexes that follow each other are in slots that do. */
static struct slot *slot_of(struct announcements *announcements, struct job_key key)
{
	return &announcements->slots[((uint64_t)key.index + (uint64_t)key.kind * (SLOTS / KIND_COUNT)) % SLOTS];
}

bool announcements_are_news(struct announcements *announcements, const char *json, size_t len)
{
	struct job_key key;
	struct slot *slot;

	if (!read_key(json, len, &key))
		return true;
	slot = slot_of(announcements, key);
	if (slot->is_taken && slot->key.kind == key.kind && slot->key.index == key.index)
		return false;
	*slot = (struct slot){true, key};
	return true;
}

void announcements_forget(struct announcements *announcements)
{
	memset(announcements, 0, sizeof *announcements);
}

struct announcements *announcements_new(void)
{
	return mem_alloc(sizeof(struct announcements));
}

void announcements_free(struct announcements *announcements)
{
	free(announcements);
}

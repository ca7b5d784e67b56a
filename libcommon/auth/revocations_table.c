#include <stdlib.h>
#include <string.h>

#include "auth/revocations_internal.h"
#include "base/int64.h"
#include "base/mem.h"

#define LEASE_MS_MAX (86400 * 1000LL)
#define MARGIN_US 100000 /* and 2 %, because clocks of two machines differ in speed */
#define DRIFT 50

/* ---- positions ---- */

enum status revocations_position_parse(const char *text, struct revocations_position *ret_position)
{
	const char *dash = strchr(text, '-');
	struct revocations_position position;
	char ms[INT64_TEXT_BYTES];

	if (!dash || (size_t)(dash - text) >= sizeof ms)
		return STATUS_INVALID;
	memcpy(ms, text, (size_t)(dash - text));
	ms[dash - text] = '\0';
	if (int64_parse(ms, &position.ms) != STATUS_OK || int64_parse(dash + 1, &position.seq) != STATUS_OK)
		return STATUS_INVALID;
	*ret_position = position;
	return STATUS_OK;
}

bool revocations_position_is_before(struct revocations_position one, struct revocations_position other)
{
	return one.ms < other.ms || (one.ms == other.ms && one.seq < other.seq);
}

/* ---- followers ---- */

static void follower_remove(struct revocations_follower *follower)
{
	LIST_REMOVE(follower, link);
	free(follower->value);
	free(follower);
}

static bool is_name(const char *text)
{
	return strlen(text) == REVOCATIONS_NAME_BYTES - 1 && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* Makes it, if it is not known yet. */
static struct revocations_follower *follower_find(struct revocations_table *table, const char *name)
{
	struct revocations_follower *follower;

	LIST_FOREACH (follower, &table->followers, link)
		if (strcmp(follower->name, name) == 0)
			return follower;
	follower = mem_alloc(sizeof *follower);
	strcpy(follower->name, name);
	follower->lease_us = table->lease_us;
	LIST_INSERT_HEAD(&table->followers, follower, link);
	return follower;
}

/* It has applied what it said that it has applied: a position never goes back in one table. */
static void follower_advance(struct revocations_follower *follower, const char *text)
{
	struct revocations_position position;

	if (revocations_position_parse(text, &position) == STATUS_OK &&
	    revocations_position_is_before(follower->position, position))
		follower->position = position;
}

/* "<beat> <position> <lease in ms> <instance>". A value that is none counts as a follower that has confirmed nothing. */
static void follower_set(struct revocations_follower *follower, const redisReply *value, int64_t lease_us, int64_t now_us)
{
	char *copy = mem_strdup(value->str), *rest = copy;
	const char *position, *lease;
	int64_t lease_ms;

	strsep(&rest, " ");
	position = strsep(&rest, " ");
	lease = strsep(&rest, " ");
	if (position)
		follower_advance(follower, position);
	if (!lease || int64_parse(lease, &lease_ms) != STATUS_OK || lease_ms < 0 || lease_ms > LEASE_MS_MAX)
		follower->lease_us = lease_us;
	else
		follower->lease_us = lease_ms * 1000;
	free(copy);
	free(follower->value);
	follower->value = mem_alloc(value->len + 1);
	follower->value_len = value->len;
	memcpy(follower->value, value->str, value->len);
	follower->seen_us = now_us;
}

static int64_t with_margin(int64_t lease_us)
{
	return lease_us + lease_us / DRIFT + MARGIN_US;
}

bool revocations_follower_is_silent(const struct revocations_follower *follower, int64_t now_us)
{
	return follower->value && now_us - follower->seen_us > with_margin(follower->lease_us);
}

/* ---- the table ---- */

void revocations_table_init(struct revocations_table *table, int64_t lease_us)
{
	*table = (struct revocations_table){.lease_us = lease_us};
	LIST_INIT(&table->followers);
}

void revocations_table_free(struct revocations_table *table)
{
	struct revocations_follower *follower;

	while ((follower = LIST_FIRST(&table->followers)))
		follower_remove(follower);
}

bool revocations_table_is_old(const struct revocations_table *table, int64_t now_us)
{
	return *table->id && now_us > table->old_from_us;
}

static bool is_table(const redisReply *fields)
{
	if (fields->type != REDIS_REPLY_ARRAY || fields->elements % 2 != 0)
		return false;
	for (size_t i = 0; i < fields->elements; i++)
		if (fields->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

static const char *value_of(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i < fields->elements; i += 2)
		if (strcmp(fields->element[i]->str, name) == 0)
			return fields->element[i + 1]->str;
	return NULL;
}

static int64_t longest_lease_us(const struct revocations_table *table)
{
	const struct revocations_follower *follower;
	int64_t lease_us = table->lease_us;

	LIST_FOREACH (follower, &table->followers, link)
		if (follower->lease_us > lease_us)
			lease_us = follower->lease_us;
	return lease_us;
}

/* A follower may have renewed its lease just before the table of before was lost. */
static void begin(struct revocations_table *table, const char *id, int64_t now_us)
{
	int64_t old_from_us = now_us + with_margin(longest_lease_us(table));

	revocations_table_free(table);
	strcpy(table->id, id);
	if (old_from_us > table->old_from_us)
		table->old_from_us = old_from_us;
}

static bool has_value(const struct revocations_follower *follower, const redisReply *value)
{
	return follower->value && follower->value_len == value->len && memcmp(follower->value, value->str, value->len) == 0;
}

static void read_followers(struct revocations_table *table, const redisReply *fields, int64_t now_us)
{
	for (size_t i = 0; i < fields->elements; i += 2) {
		const redisReply *value = fields->element[i + 1];
		struct revocations_follower *follower;

		if (!is_name(fields->element[i]->str))
			continue;
		follower = follower_find(table, fields->element[i]->str);
		follower->is_listed = true;
		if (!has_value(follower, value))
			follower_set(follower, value, table->lease_us, now_us);
	}
}

static void remove_unlisted(struct revocations_table *table)
{
	struct revocations_follower *follower = LIST_FIRST(&table->followers);

	while (follower) {
		struct revocations_follower *next = LIST_NEXT(follower, link);

		if (!follower->is_listed)
			follower_remove(follower);
		else
			follower->is_listed = false;
		follower = next;
	}
}

enum status revocations_table_read(struct revocations_table *table, const redisReply *fields, int64_t now_us)
{
	const char *id = is_table(fields) ? value_of(fields, "#table") : NULL;

	if (!id || !*id || strlen(id) >= sizeof table->id)
		return redis_unexpected("HGETALL", fields);
	if (strcmp(table->id, id) != 0)
		begin(table, id, now_us);
	table->is_settled = value_of(fields, "#settled") != NULL;
	read_followers(table, fields, now_us);
	remove_unlisted(table);
	return STATUS_OK;
}

/* A follower that is not known yet has joined since the table was read. */
void revocations_table_hear(struct revocations_table *table, const char *message, size_t len)
{
	char *copy = mem_alloc(len + 1), *rest = copy;
	const char *id, *name, *position;

	memcpy(copy, message, len);
	id = strsep(&rest, " ");
	name = strsep(&rest, " ");
	position = strsep(&rest, " ");
	if (position && *table->id && strcmp(id, table->id) == 0 && is_name(name))
		follower_advance(follower_find(table, name), position);
	free(copy);
}

const struct revocations_follower *revocations_table_behind(const struct revocations_table *table,
							    struct revocations_position position)
{
	const struct revocations_follower *follower;

	LIST_FOREACH (follower, &table->followers, link)
		if (revocations_position_is_before(follower->position, position))
			return follower;
	return NULL;
}

bool revocations_table_has(const struct revocations_table *table, struct revocations_position position)
{
	return table->is_settled && !revocations_table_behind(table, position);
}

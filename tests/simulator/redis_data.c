#include "redis_data.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- texts ---- */

struct text text_copy(const char *bytes, size_t len)
{
	struct text text = {mem_alloc(len + 1), len};

	memcpy(text.bytes, bytes, len);
	return text;
}

bool text_is(const struct text *text, const char *bytes, size_t len)
{
	return text->bytes && text->len == len && memcmp(text->bytes, bytes, len) == 0;
}

/* ---- the whole ---- */

void group_free(struct group *group)
{
	for (int i = 0; i < group->consumer_count; i++)
		free(group->consumers[i].name.bytes);
	free(group->consumers);
	free(group->pending);
	free(group->name.bytes);
}

static void free_value(struct value *value)
{
	free(value->name.bytes);
	free(value->text.bytes);
	for (int i = 0; value->pairs && i < value->count; i++) {
		free(value->pairs[i].field.bytes);
		free(value->pairs[i].value.bytes);
	}
	for (int i = 0; value->entries && i < value->count; i++) {
		for (int j = 0; j < value->entries[i].count; j++)
			free(value->entries[i].fields[j].bytes);
		free(value->entries[i].fields);
	}
	for (int i = 0; i < value->group_count; i++)
		group_free(&value->groups[i]);
	free(value->pairs);
	free(value->entries);
	free(value->groups);
}

void database_free(struct database *database)
{
	for (int i = 0; i < database->count; i++)
		free_value(&database->values[i]);
	free(database->values);
	*database = (struct database){0};
}

static void *copy(const void *array, size_t bytes)
{
	return array ? memcpy(mem_alloc(bytes), array, bytes) : NULL;
}

static struct text again(struct text text)
{
	return text.bytes ? text_copy(text.bytes, text.len) : text;
}

static struct group copy_group(const struct group *group)
{
	struct group made = *group;

	made.name = again(group->name);
	made.pending = copy(group->pending, (size_t)group->pending_count * sizeof *group->pending);
	made.consumers = copy(group->consumers, (size_t)group->consumer_count * sizeof *group->consumers);
	for (int i = 0; i < made.consumer_count; i++)
		made.consumers[i].name = again(made.consumers[i].name);
	return made;
}

static struct stream_entry copy_entry(const struct stream_entry *entry)
{
	struct stream_entry made = *entry;

	made.fields = copy(entry->fields, (size_t)entry->count * sizeof *entry->fields);
	for (int i = 0; i < made.count; i++)
		made.fields[i] = again(made.fields[i]);
	return made;
}

static struct value copy_value(const struct value *value)
{
	struct value made = *value;

	made.name = again(value->name);
	made.text = again(value->text);
	made.pairs = copy(value->pairs, (size_t)value->count * sizeof *value->pairs);
	made.entries = copy(value->entries, (size_t)value->count * sizeof *value->entries);
	made.groups = copy(value->groups, (size_t)value->group_count * sizeof *value->groups);
	for (int i = 0; made.pairs && i < made.count; i++)
		made.pairs[i] = (struct pair){again(made.pairs[i].field), again(made.pairs[i].value)};
	for (int i = 0; made.entries && i < made.count; i++)
		made.entries[i] = copy_entry(&value->entries[i]);
	for (int i = 0; i < made.group_count; i++)
		made.groups[i] = copy_group(&value->groups[i]);
	return made;
}

struct database database_copy(const struct database *database)
{
	struct database made = {.count = database->count};

	made.values = mem_alloc((size_t)made.count * sizeof *made.values);
	for (int i = 0; i < made.count; i++)
		made.values[i] = copy_value(&database->values[i]);
	return made;
}

/* ---- keys ---- */

struct value *database_find(struct database *database, const char *name, size_t len)
{
	for (int i = 0; i < database->count; i++)
		if (text_is(&database->values[i].name, name, len))
			return &database->values[i];
	return NULL;
}

struct value *database_add(struct database *database, const char *name, size_t len, enum value_type type)
{
	struct value *value;

	database->values = mem_resize(database->values, (size_t)(database->count + 1) * sizeof *database->values);
	value = &database->values[database->count++];
	*value = (struct value){.name = text_copy(name, len), .type = type};
	return value;
}

void database_remove(struct database *database, struct value *value)
{
	free_value(value);
	*value = database->values[--database->count];
}

/* ---- within keys ---- */

struct pair *hash_find(const struct value *hash, const char *field, size_t len)
{
	for (int i = 0; i < hash->count; i++)
		if (text_is(&hash->pairs[i].field, field, len))
			return &hash->pairs[i];
	return NULL;
}

int stream_id_compare(struct stream_id a, struct stream_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return a.seq < b.seq ? -1 : a.seq > b.seq;
}

int stream_find(const struct value *stream, struct stream_id id, bool *ret_is_there)
{
	int i = 0;

	while (i < stream->count && stream_id_compare(stream->entries[i].id, id) < 0)
		i++;
	*ret_is_there = i < stream->count && stream_id_compare(stream->entries[i].id, id) == 0;
	return i;
}

struct group *stream_group(const struct value *stream, const char *name, size_t len)
{
	for (int i = 0; i < stream->group_count; i++)
		if (text_is(&stream->groups[i].name, name, len))
			return &stream->groups[i];
	return NULL;
}

int group_find_pending(const struct group *group, struct stream_id id, bool *ret_is_there)
{
	int i = 0;

	while (i < group->pending_count && stream_id_compare(group->pending[i].id, id) < 0)
		i++;
	*ret_is_there = i < group->pending_count && stream_id_compare(group->pending[i].id, id) == 0;
	return i;
}

bool stream_id_parse(const char *text, size_t len, uint64_t seq_default, struct stream_id *ret_id)
{
	char *end;

	if (len == 1 && (*text == '-' || *text == '+')) {
		*ret_id = *text == '-' ? (struct stream_id){0, 0} : (struct stream_id){UINT64_MAX, UINT64_MAX};
		return true;
	}
	ret_id->ms = strtoull(text, &end, 10);
	ret_id->seq = seq_default;
	if (end == text)
		return false;
	if (*end == '-')
		ret_id->seq = strtoull(end + 1, &end, 10);
	return end == text + len;
}

/* ---- replies, as hiredis makes them ---- */

static redisReply *reply_new(int type)
{
	redisReply *reply = mem_alloc(sizeof *reply);

	reply->type = type;
	return reply;
}

redisReply *reply_int(long long integer)
{
	redisReply *reply = reply_new(REDIS_REPLY_INTEGER);

	reply->integer = integer;
	return reply;
}

redisReply *reply_text(const char *bytes, size_t len)
{
	redisReply *reply = reply_new(REDIS_REPLY_STRING);

	reply->str = text_copy(bytes, len).bytes;
	reply->len = len;
	return reply;
}

redisReply *reply_nil(void)
{
	return reply_new(REDIS_REPLY_NIL);
}

redisReply *reply_word(const char *word)
{
	redisReply *reply = reply_text(word, strlen(word));

	reply->type = REDIS_REPLY_STATUS;
	return reply;
}

redisReply *reply_error(const char *format, ...)
{
	redisReply *reply = reply_new(REDIS_REPLY_ERROR);
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	reply->str = mem_strdup(text);
	reply->len = strlen(text);
	return reply;
}

redisReply *reply_array(size_t elements)
{
	redisReply *reply = reply_new(REDIS_REPLY_ARRAY);

	reply->elements = elements;
	reply->element = mem_alloc(elements * sizeof *reply->element);
	return reply;
}

redisReply *reply_id(struct stream_id id)
{
	char text[48];
	int len = snprintf(text, sizeof text, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);

	return reply_text(text, (size_t)len);
}

redisReply *reply_entry(const struct stream_entry *entry)
{
	redisReply *reply = reply_array(2), *fields = reply_array((size_t)entry->count);

	for (int i = 0; i < entry->count; i++)
		fields->element[i] = reply_text(entry->fields[i].bytes, entry->fields[i].len);
	reply->element[0] = reply_id(entry->id);
	reply->element[1] = fields;
	return reply;
}

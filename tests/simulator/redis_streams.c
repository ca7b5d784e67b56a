/* Streams without groups. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis_commands.h"

static redisReply *invalid_id(void)
{
	return reply_error("ERR Invalid stream ID specified as stream command argument");
}

static void remove_entry(struct value *stream, int at)
{
	for (int i = 0; i < stream->entries[at].count; i++)
		free(stream->entries[at].fields[i].bytes);
	free(stream->entries[at].fields);
	stream->count--;
	memmove(&stream->entries[at], &stream->entries[at + 1], (size_t)(stream->count - at) * sizeof *stream->entries);
}

static void append(const struct command *command, struct value *stream, struct stream_id id, int first)
{
	struct stream_entry *entry;

	stream->entries = mem_resize(stream->entries, (size_t)(stream->count + 1) * sizeof *stream->entries);
	entry = &stream->entries[stream->count++];
	*entry = (struct stream_entry){.id = id, .count = command->argc - first};
	entry->fields = mem_alloc((size_t)entry->count * sizeof *entry->fields);
	for (int i = 0; i < entry->count; i++)
		entry->fields[i] = text_copy(command->argv[first + i], command->lens[first + i]);
	stream->last = id;
}

static bool next_id(const struct command *command, int at, struct stream_id last, struct stream_id *ret_id)
{
	uint64_t now_ms = (uint64_t)command->now_ms;

	if (!command_word_is(command, at, "*"))
		return stream_id_parse(command->argv[at], command->lens[at], 0, ret_id);
	*ret_id = now_ms > last.ms ? (struct stream_id){now_ms, 0} : (struct stream_id){last.ms, last.seq + 1};
	return true;
}

/* "MINID ~" removes whole nodes of a hundred entries, so it removes nothing from what is as small as a simulation's streams. */
redisReply *command_xadd(const struct command *command)
{
	int at = command_word_is(command, 2, "MINID") ? 5 : 2;
	struct stream_id id, last;
	struct value *stream;
	redisReply *reply;

	if (at == 5 && !command_word_is(command, 3, "~"))
		return reply_error("SIMULATOR this option of XADD is unknown");
	if (command_word_is(command, at, "0-0"))
		return reply_error("ERR The ID specified in XADD must be greater than 0-0");
	if (!command_find(command, VALUE_STREAM, &stream, &reply))
		return reply;
	last = stream ? stream->last : (struct stream_id){0};
	if (!next_id(command, at, last, &id))
		return invalid_id();
	if (stream_id_compare(id, last) <= 0)
		return reply_error("ERR The ID specified in XADD is equal or smaller than the target stream top item");
	stream = command_find_or_add(command, stream, VALUE_STREAM);
	append(command, stream, id, at + 1);
	if (command->appended)
		command->appended(command->argv[1], stream);
	return reply_id(id);
}

redisReply *command_xdel(const struct command *command)
{
	struct value *stream;
	redisReply *reply;
	struct stream_id id;
	int count = 0;
	bool is_there;

	if (!command_find(command, VALUE_STREAM, &stream, &reply))
		return reply;
	for (int i = 2; stream && i < command->argc; i++) {
		int at;

		if (!stream_id_parse(command->argv[i], command->lens[i], 0, &id))
			return invalid_id();
		at = stream_find(stream, id, &is_there);
		if (is_there)
			remove_entry(stream, at);
		count += is_there;
	}
	return reply_int(count);
}

redisReply *command_xlen(const struct command *command)
{
	struct value *stream;
	redisReply *reply;

	if (!command_find(command, VALUE_STREAM, &stream, &reply))
		return reply;
	return reply_int(stream ? stream->count : 0);
}

redisReply *command_xrange(const struct command *command)
{
	long most = command_word_is(command, 4, "COUNT") ? strtol(command->argv[5], NULL, 10) : 1000000;
	struct stream_id from, to;
	struct value *stream;
	redisReply *reply;
	size_t n = 0;
	int first;
	bool is_there;

	if (!command_find(command, VALUE_STREAM, &stream, &reply))
		return reply;
	if (!stream_id_parse(command->argv[2], command->lens[2], 0, &from) ||
	    !stream_id_parse(command->argv[3], command->lens[3], UINT64_MAX, &to))
		return invalid_id();
	first = stream ? stream_find(stream, from, &is_there) : 0;
	while (stream && first + (int)n < stream->count && (long)n < most &&
	       stream_id_compare(stream->entries[first + (int)n].id, to) <= 0)
		n++;
	reply = reply_array(n);
	for (size_t i = 0; i < n; i++)
		reply->element[i] = reply_entry(&stream->entries[first + (int)i]);
	return reply;
}

redisReply *command_xtrim(const struct command *command)
{
	struct value *stream;
	struct stream_id least;
	redisReply *reply;
	int count = 0;

	if (!command_word_is(command, 2, "MINID") || command->argc != 4)
		return reply_error("SIMULATOR this option of XTRIM is unknown");
	if (!command_find(command, VALUE_STREAM, &stream, &reply))
		return reply;
	if (!stream_id_parse(command->argv[3], command->lens[3], 0, &least))
		return invalid_id();
	while (stream && stream->count && stream_id_compare(stream->entries[0].id, least) < 0) {
		remove_entry(stream, 0);
		count++;
	}
	return reply_int(count);
}

redisReply *stream_read(struct database *database, const char *key, struct stream_id after, long count)
{
	struct value *stream = database_find(database, key, strlen(key));
	redisReply *reply, *entries;
	int first = 0, n;

	if (stream && stream->type != VALUE_STREAM)
		return reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
	while (stream && first < stream->count && stream_id_compare(stream->entries[first].id, after) <= 0)
		first++;
	n = stream ? stream->count - first : 0;
	if (n == 0)
		return NULL;
	n = n > count ? (int)count : n;
	entries = reply_array((size_t)n);
	for (int i = 0; i < n; i++)
		entries->element[i] = reply_entry(&stream->entries[first + i]);
	reply = reply_array(1);
	reply->element[0] = reply_array(2);
	reply->element[0]->element[0] = reply_text(key, strlen(key));
	reply->element[0]->element[1] = entries;
	return reply;
}

/* XREAD [COUNT n] [BLOCK ms] STREAMS key id, without waiting: the server does that. */
redisReply *command_xread(const struct command *command)
{
	long count = command_word_is(command, 1, "COUNT") ? strtol(command->argv[2], NULL, 10) : 1000000;
	int last = command->argc - 1;
	struct stream_id after;
	redisReply *reply;

	if (!command_word_is(command, last - 2, "STREAMS") ||
	    !stream_id_parse(command->argv[last], command->lens[last], 0, &after))
		return reply_error("SIMULATOR this form of XREAD is unknown");
	reply = stream_read(command->database, command->argv[last - 1], after, count);
	return reply ? reply : reply_nil();
}

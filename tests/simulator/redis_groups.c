/* Consumer groups, as in Redis 7.0: a consumer is made by the first read that brings it something, or by its first claim. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis_commands.h"

static int find_consumer(const struct group *group, const char *name, size_t len)
{
	for (int i = 0; i < group->consumer_count; i++)
		if (text_is(&group->consumers[i].name, name, len))
			return i;
	return -1;
}

static int find_or_add_consumer(struct group *group, const char *name, size_t len, int64_t now_ms)
{
	int i = find_consumer(group, name, len);

	if (i < 0) {
		group->consumers = mem_resize(group->consumers, (size_t)(group->consumer_count + 1) * sizeof *group->consumers);
		i = group->consumer_count++;
		group->consumers[i].name = text_copy(name, len);
	}
	group->consumers[i].seen_ms = now_ms;
	return i;
}

static void remove_pending(struct group *group, int at)
{
	group->pending_count--;
	memmove(&group->pending[at], &group->pending[at + 1], (size_t)(group->pending_count - at) * sizeof *group->pending);
}

static void add_pending(struct group *group, struct stream_id id, int consumer, int64_t now_ms)
{
	bool is_there;
	int at = group_find_pending(group, id, &is_there);

	if (!is_there) {
		group->pending = mem_resize(group->pending, (size_t)(group->pending_count + 1) * sizeof *group->pending);
		memmove(&group->pending[at + 1], &group->pending[at],
			(size_t)(group->pending_count - at) * sizeof *group->pending);
		group->pending_count++;
	}
	group->pending[at] = (struct pending){id, consumer, now_ms, 1};
}

/* The stream argv[1] and its group argv[2]; NULL: ret_reply is the error, or NULL when they are not there. */
static struct group *find(const struct command *command, struct value **ret_stream, redisReply **ret_reply)
{
	*ret_reply = NULL;
	if (!command_find(command, VALUE_STREAM, ret_stream, ret_reply) || !*ret_stream)
		return NULL;
	return stream_group(*ret_stream, command->argv[2], command->lens[2]);
}

static redisReply *no_group(const struct command *command, redisReply *error)
{
	return error ? error
		     : reply_error("NOGROUP No such key '%s' or consumer group '%s'", command->argv[1], command->argv[2]);
}

redisReply *command_xack(const struct command *command)
{
	struct value *stream;
	redisReply *error;
	struct group *group = find(command, &stream, &error);
	struct stream_id id;
	int count = 0;
	bool is_there;

	if (error)
		return error;
	for (int i = 3; group && i < command->argc; i++) {
		int at;

		if (!stream_id_parse(command->argv[i], command->lens[i], 0, &id))
			return reply_error("ERR Invalid stream ID specified as stream command argument");
		at = group_find_pending(group, id, &is_there);
		if (is_there)
			remove_pending(group, at);
		count += is_there;
	}
	return reply_int(count);
}

/* ---- reading ---- */

static redisReply *deliver(struct value *stream, struct group *group, int consumer, long count, int64_t now_ms)
{
	redisReply *entries;
	int first = 0, n;

	while (first < stream->count && stream_id_compare(stream->entries[first].id, group->last) <= 0)
		first++;
	n = stream->count - first > count ? (int)count : stream->count - first;
	entries = reply_array((size_t)n);
	for (int i = 0; i < n; i++) {
		entries->element[i] = reply_entry(&stream->entries[first + i]);
		add_pending(group, stream->entries[first + i].id, consumer, now_ms);
		group->last = stream->entries[first + i].id;
	}
	return entries;
}

/* A waiting consumer is served when the stream has grown, even if the new entries were deleted again in the same script. */
redisReply *group_read(struct database *database, const char *key, const char *name, const char *consumer, long count,
		       int64_t now_ms)
{
	struct value *stream = database_find(database, key, strlen(key));
	struct group *group = stream && stream->type == VALUE_STREAM ? stream_group(stream, name, strlen(name)) : NULL;
	redisReply *reply;

	if (stream && stream->type != VALUE_STREAM)
		return reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
	if (!group)
		return reply_error("NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option", key,
				   name);
	if (stream_id_compare(stream->last, group->last) <= 0)
		return NULL;
	reply = reply_array(1);
	reply->element[0] = reply_array(2);
	reply->element[0]->element[0] = reply_text(key, strlen(key));
	reply->element[0]->element[1] =
		deliver(stream, group, find_or_add_consumer(group, consumer, strlen(consumer), now_ms), count, now_ms);
	return reply;
}

/* XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] STREAMS key >, without waiting: the server does that. */
redisReply *command_xreadgroup(const struct command *command)
{
	long count = command_word_is(command, 4, "COUNT") ? strtol(command->argv[5], NULL, 10) : 1000000;
	const char *key = command->argv[command->argc - 2];
	struct value *stream = database_find(command->database, key, strlen(key));
	struct group *group;
	redisReply *reply;

	if (!command_word_is(command, command->argc - 3, "STREAMS") || !command_word_is(command, command->argc - 1, ">"))
		return reply_error("SIMULATOR this form of XREADGROUP is unknown");
	if (stream && stream->type == VALUE_STREAM && (group = stream_group(stream, command->argv[2], command->lens[2])) &&
	    (stream->count == 0 || stream_id_compare(stream->entries[stream->count - 1].id, group->last) <= 0))
		return reply_nil();
	reply = group_read(command->database, key, command->argv[2], command->argv[3], count, command->now_ms);
	return reply ? reply : reply_nil();
}

/* ---- what is pending ---- */

static redisReply *describe(const struct group *group, const struct pending *pending, int64_t now_ms)
{
	const struct text *name = &group->consumers[pending->consumer].name;
	redisReply *reply = reply_array(4);

	reply->element[0] = reply_id(pending->id);
	reply->element[1] = reply_text(name->bytes, name->len);
	reply->element[2] = reply_int(now_ms > pending->delivered_ms ? now_ms - pending->delivered_ms : 0);
	reply->element[3] = reply_int(pending->deliveries);
	return reply;
}

/* XPENDING key group [IDLE ms] start end count [consumer] */
redisReply *command_xpending(const struct command *command)
{
	int at = command_word_is(command, 3, "IDLE") ? 5 : 3, consumer = -1;
	long long idle_ms = at == 5 ? strtoll(command->argv[4], NULL, 10) : 0;
	struct value *stream;
	redisReply *error, *reply;
	struct group *group = find(command, &stream, &error);
	struct stream_id from, to;
	size_t n = 0, most;

	if (!group)
		return no_group(command, error);
	if (command->argc < at + 3 || !stream_id_parse(command->argv[at], command->lens[at], 0, &from) ||
	    !stream_id_parse(command->argv[at + 1], command->lens[at + 1], UINT64_MAX, &to))
		return reply_error("SIMULATOR this form of XPENDING is unknown");
	most = strtoul(command->argv[at + 2], NULL, 10);
	if (command->argc > at + 3)
		consumer = find_consumer(group, command->argv[at + 3], command->lens[at + 3]);
	reply = reply_array(most);
	for (int i = 0; i < group->pending_count && n < most; i++) {
		const struct pending *pending = &group->pending[i];

		if (stream_id_compare(pending->id, from) >= 0 && stream_id_compare(pending->id, to) <= 0 &&
		    (command->argc <= at + 3 || pending->consumer == consumer) &&
		    (idle_ms == 0 || command->now_ms - pending->delivered_ms >= idle_ms))
			reply->element[n++] = describe(group, pending, command->now_ms);
	}
	reply->elements = n;
	return reply;
}

struct claim {
	long long idle_ms, deliveries; /* deliveries -1: as it is, or one more */
	bool ids_only;
	int ids_end;
};

static bool read_claim(const struct command *command, struct claim *claim)
{
	struct stream_id id;

	*claim = (struct claim){.deliveries = -1, .ids_end = 5};
	while (claim->ids_end < command->argc &&
	       stream_id_parse(command->argv[claim->ids_end], command->lens[claim->ids_end], 0, &id))
		claim->ids_end++;
	for (int i = claim->ids_end; i < command->argc; i++)
		if (command_word_is(command, i, "JUSTID"))
			claim->ids_only = true;
		else if (command_word_is(command, i, "IDLE") && i + 1 < command->argc)
			claim->idle_ms = strtoll(command->argv[++i], NULL, 10);
		else if (command_word_is(command, i, "RETRYCOUNT") && i + 1 < command->argc)
			claim->deliveries = strtoll(command->argv[++i], NULL, 10);
		else
			return false;
	return true;
}

static redisReply *claim_one(const struct command *command, const struct claim *claim, struct value *stream,
			     struct group *group, struct stream_id id)
{
	long long least_idle_ms = strtoll(command->argv[4], NULL, 10);
	bool is_pending, is_there;
	int at = group_find_pending(group, id, &is_pending), entry;
	struct pending *pending = &group->pending[at];

	if (!is_pending)
		return NULL;
	entry = stream_find(stream, id, &is_there);
	if (!is_there) {
		remove_pending(group, at);
		return NULL;
	}
	if (least_idle_ms > 0 && command->now_ms - pending->delivered_ms < least_idle_ms)
		return NULL;
	pending->consumer = find_or_add_consumer(group, command->argv[3], command->lens[3], command->now_ms);
	pending->delivered_ms = command->now_ms - claim->idle_ms;
	if (claim->deliveries >= 0)
		pending->deliveries = claim->deliveries;
	else if (!claim->ids_only)
		pending->deliveries++;
	return claim->ids_only ? reply_id(id) : reply_entry(&stream->entries[entry]);
}

redisReply *command_xclaim(const struct command *command)
{
	struct value *stream;
	redisReply *error, *reply;
	struct group *group = find(command, &stream, &error);
	struct claim claim;
	size_t n = 0;

	if (!group)
		return no_group(command, error);
	if (!read_claim(command, &claim))
		return reply_error("SIMULATOR this form of XCLAIM is unknown");
	reply = reply_array((size_t)command->argc);
	for (int i = 5; i < claim.ids_end; i++) {
		struct stream_id id;
		redisReply *claimed;

		stream_id_parse(command->argv[i], command->lens[i], 0, &id);
		claimed = claim_one(command, &claim, stream, group, id);
		if (claimed)
			reply->element[n++] = claimed;
	}
	reply->elements = n;
	return reply;
}

/* Of one pending entry; NULL: it is not idle for long enough. *ret_is_gone: the stream does not have it any more. */
static redisReply *take_over_one(const struct command *command, const struct claim *claim, struct value *stream,
				 struct group *group, int at, bool *ret_is_gone)
{
	struct stream_id id = group->pending[at].id;

	stream_find(stream, id, ret_is_gone);
	*ret_is_gone = !*ret_is_gone;
	if (*ret_is_gone) {
		remove_pending(group, at);
		return reply_id(id);
	}
	return claim_one(command, claim, stream, group, id);
}

/* XAUTOCLAIM key group consumer idle 0-0 COUNT n */
redisReply *command_xautoclaim(const struct command *command)
{
	const struct claim claim = {.deliveries = -1};
	struct value *stream;
	redisReply *error, *reply;
	struct group *group = find(command, &stream, &error);
	size_t most, taken = 0, gone = 0;
	int at = 0;

	if (!group)
		return no_group(command, error);
	if (command->argc != 8 || strcmp(command->argv[5], "0-0") != 0 || !command_word_is(command, 6, "COUNT"))
		return reply_error("SIMULATOR this form of XAUTOCLAIM is unknown");
	most = strtoul(command->argv[7], NULL, 10);
	reply = reply_array(3);
	reply->element[1] = reply_array(most);
	reply->element[2] = reply_array(most);
	for (size_t attempts = 10 * most; attempts && at < group->pending_count && taken + gone < most; attempts--) {
		bool is_gone;
		redisReply *one = take_over_one(command, &claim, stream, group, at, &is_gone);

		if (is_gone)
			reply->element[2]->element[gone++] = one;
		else if (one)
			reply->element[1]->element[taken++] = one;
		at += !is_gone;
	}
	reply->element[0] = at < group->pending_count ? reply_id(group->pending[at].id) : reply_text("0-0", 3);
	reply->element[1]->elements = taken;
	reply->element[2]->elements = gone;
	return reply;
}

/* ---- consumers and groups ---- */

static int64_t pending_of(const struct group *group, int consumer)
{
	int64_t count = 0;

	for (int i = 0; i < group->pending_count; i++)
		count += group->pending[i].consumer == consumer;
	return count;
}

static redisReply *consumer_info(const struct group *group, int consumer, int64_t now_ms)
{
	const struct consumer *known = &group->consumers[consumer];
	redisReply *reply = reply_array(6);

	reply->element[0] = reply_text("name", 4);
	reply->element[1] = reply_text(known->name.bytes, known->name.len);
	reply->element[2] = reply_text("pending", 7);
	reply->element[3] = reply_int(pending_of(group, consumer));
	reply->element[4] = reply_text("idle", 4);
	reply->element[5] = reply_int(now_ms > known->seen_ms ? now_ms - known->seen_ms : 0);
	return reply;
}

/* By name, as Redis lists them: the first name after `name`; -1: there is none. */
static int next_by_name(const struct group *group, const char *name)
{
	int next = -1;

	for (int i = 0; i < group->consumer_count; i++) {
		const char *other = group->consumers[i].name.bytes;

		if (other && (!name || strcmp(other, name) > 0) &&
		    (next < 0 || strcmp(other, group->consumers[next].name.bytes) < 0))
			next = i;
	}
	return next;
}

static redisReply *consumers_info(const struct command *command, const struct group *group)
{
	redisReply *reply;
	size_t n = 0;

	if (!group)
		return reply_error("NOGROUP No such consumer group '%s' for key name '%s'", command->argv[3], command->argv[2]);
	reply = reply_array((size_t)group->consumer_count);
	for (int i = next_by_name(group, NULL); i >= 0; i = next_by_name(group, group->consumers[i].name.bytes))
		reply->element[n++] = consumer_info(group, i, command->now_ms);
	reply->elements = n;
	return reply;
}

/* Of each group its name alone. */
static redisReply *groups_info(const struct value *stream)
{
	redisReply *reply = reply_array((size_t)stream->group_count);

	for (int i = 0; i < stream->group_count; i++) {
		const struct text *name = &stream->groups[i].name;

		reply->element[i] = reply_array(2);
		reply->element[i]->element[0] = reply_text("name", 4);
		reply->element[i]->element[1] = reply_text(name->bytes, name->len);
	}
	return reply;
}

/* Of the stream its last id alone. */
static redisReply *stream_info(const struct value *stream)
{
	redisReply *reply = reply_array(2);

	reply->element[0] = reply_text("last-generated-id", 17);
	reply->element[1] = reply_id(stream->last);
	return reply;
}

redisReply *command_xinfo(const struct command *command)
{
	struct value *stream = database_find(command->database, command->argv[2], command->lens[2]);

	if (!stream)
		return reply_error("ERR no such key");
	if (stream->type != VALUE_STREAM)
		return reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
	if (command_word_is(command, 1, "CONSUMERS") && command->argc == 4)
		return consumers_info(command, stream_group(stream, command->argv[3], command->lens[3]));
	if (command_word_is(command, 1, "GROUPS") && command->argc == 3)
		return groups_info(stream);
	if (command_word_is(command, 1, "STREAM") && command->argc == 3)
		return stream_info(stream);
	return reply_error("SIMULATOR this form of XINFO is unknown");
}

static redisReply *delete_consumer(struct group *group, const char *name, size_t len)
{
	int consumer = find_consumer(group, name, len);
	int64_t count = 0;

	if (consumer < 0)
		return reply_int(0);
	for (int i = group->pending_count - 1; i >= 0; i--)
		if (group->pending[i].consumer == consumer) {
			remove_pending(group, i);
			count++;
		}
	free(group->consumers[consumer].name.bytes);
	group->consumers[consumer].name.bytes = NULL;
	return reply_int(count);
}

static const char no_key[] =
	"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
	"MKSTREAM option to create an empty stream automatically.";

static redisReply *create_group(const struct command *command, struct value *stream)
{
	struct group *group;
	struct stream_id last;

	if (!stream && !command_word_is(command, 5, "MKSTREAM"))
		return reply_error("%s", no_key);
	if (!stream_id_parse(command->argv[4], command->lens[4], 0, &last))
		return reply_error("ERR Invalid stream ID specified as stream command argument");
	if (!stream)
		stream = database_add(command->database, command->argv[2], command->lens[2], VALUE_STREAM);
	if (stream_group(stream, command->argv[3], command->lens[3]))
		return reply_error("BUSYGROUP Consumer Group name already exists");
	stream->groups = mem_resize(stream->groups, (size_t)(stream->group_count + 1) * sizeof *stream->groups);
	group = &stream->groups[stream->group_count++];
	*group = (struct group){.name = text_copy(command->argv[3], command->lens[3]), .last = last};
	return reply_word("OK");
}

static redisReply *destroy_group(struct value *stream, struct group *group)
{
	ptrdiff_t after;

	if (!group)
		return reply_int(0);
	after = &stream->groups[stream->group_count] - (group + 1);
	group_free(group);
	memmove(group, group + 1, (size_t)after * sizeof *group);
	stream->group_count--;
	return reply_int(1);
}

/* XGROUP CREATE key group id [MKSTREAM], XGROUP DESTROY key group, XGROUP DELCONSUMER key group consumer */
redisReply *command_xgroup(const struct command *command)
{
	struct value *stream = database_find(command->database, command->argv[2], command->lens[2]);
	struct group *group;

	if (stream && stream->type != VALUE_STREAM)
		return reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
	if (command_word_is(command, 1, "CREATE") && command->argc >= 5)
		return create_group(command, stream);
	if (!(command_word_is(command, 1, "DELCONSUMER") && command->argc == 5) &&
	    !(command_word_is(command, 1, "DESTROY") && command->argc == 4))
		return reply_error("SIMULATOR this form of XGROUP is unknown");
	if (!stream)
		return reply_error("%s", no_key);
	group = stream_group(stream, command->argv[3], command->lens[3]);
	if (command_word_is(command, 1, "DESTROY"))
		return destroy_group(stream, group);
	if (!group)
		return reply_error("NOGROUP No such consumer group '%s' for key name '%s'", command->argv[3], command->argv[2]);
	return delete_consumer(group, command->argv[4], command->lens[4]);
}

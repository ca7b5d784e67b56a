/* The commands that are not about streams, and the table of all. */
#include "redis_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char wrong_type[] = "WRONGTYPE Operation against a key holding the wrong kind of value";

/* The value of the key argv[1]; NULL when it is not there. False: it has another type, and ret_reply is the error. */
bool command_find(const struct command *command, enum value_type type, struct value **ret_value, redisReply **ret_reply)
{
	*ret_value = database_find(command->database, command->argv[1], command->lens[1]);
	if (!*ret_value || (*ret_value)->type == type)
		return true;
	*ret_reply = reply_error("%s", wrong_type);
	return false;
}

struct value *command_find_or_add(const struct command *command, struct value *value, enum value_type type)
{
	return value ? value : database_add(command->database, command->argv[1], command->lens[1], type);
}

bool command_word_is(const struct command *command, int i, const char *word)
{
	return i < command->argc && strcasecmp(command->argv[i], word) == 0;
}

/* ---- texts ---- */

static redisReply *get(const struct command *command)
{
	redisReply *reply;
	struct value *value;

	if (!command_find(command, VALUE_TEXT, &value, &reply))
		return reply;
	return value ? reply_text(value->text.bytes, value->text.len) : reply_nil();
}

static redisReply *set(const struct command *command)
{
	struct value *value = database_find(command->database, command->argv[1], command->lens[1]);

	bool is_ms = command->argc == 5 && command_word_is(command, 3, "PX");
	bool expires = is_ms || (command->argc == 5 && command_word_is(command, 3, "EX"));

	if (command->argc > 3 && !expires && (command->argc != 4 || !command_word_is(command, 3, "NX")))
		return reply_error("SIMULATOR this option of SET is unknown");
	if (command->argc == 4 && value)
		return reply_nil();
	if (value)
		database_remove(command->database, value);
	value = command_find_or_add(command, NULL, VALUE_TEXT);
	value->text = text_copy(command->argv[2], command->lens[2]);
	if (expires)
		value->expires_ms = command->now_ms + strtoll(command->argv[4], NULL, 10) * (is_ms ? 1 : 1000);
	return reply_word("OK");
}

/* EXPIRE key seconds NX */
static redisReply *expire(const struct command *command)
{
	struct value *value = database_find(command->database, command->argv[1], command->lens[1]);

	if (command->argc != 4 || !command_word_is(command, 3, "NX"))
		return reply_error("SIMULATOR this option of EXPIRE is unknown");
	if (!value || value->expires_ms)
		return reply_int(0);
	value->expires_ms = command->now_ms + 1000 * strtoll(command->argv[2], NULL, 10);
	return reply_int(1);
}

static redisReply *pexpire(const struct command *command)
{
	struct value *value = database_find(command->database, command->argv[1], command->lens[1]);

	if (command->argc != 3)
		return reply_error("SIMULATOR this option of PEXPIRE is unknown");
	if (value)
		value->expires_ms = command->now_ms + strtoll(command->argv[2], NULL, 10);
	return reply_int(value != NULL);
}

static redisReply *pttl(const struct command *command)
{
	struct value *value = database_find(command->database, command->argv[1], command->lens[1]);

	if (!value)
		return reply_int(-2);
	return reply_int(value->expires_ms ? value->expires_ms - command->now_ms : -1);
}

static redisReply *exists(const struct command *command)
{
	int count = 0;

	for (int i = 1; i < command->argc; i++)
		count += database_find(command->database, command->argv[i], command->lens[i]) != NULL;
	return reply_int(count);
}

static redisReply *del(const struct command *command)
{
	int count = 0;

	for (int i = 1; i < command->argc; i++) {
		struct value *value = database_find(command->database, command->argv[i], command->lens[i]);

		if (value)
			database_remove(command->database, value);
		count += value != NULL;
	}
	return reply_int(count);
}

/* ---- hashes, lists and sets ---- */

static redisReply *has_element(const struct command *command, enum value_type type)
{
	redisReply *reply;
	struct value *value;

	if (!command_find(command, type, &value, &reply))
		return reply;
	return reply_int(value && hash_find(value, command->argv[2], command->lens[2]));
}

static redisReply *count_elements(const struct command *command, enum value_type type)
{
	redisReply *reply;
	struct value *value;

	if (!command_find(command, type, &value, &reply))
		return reply;
	return reply_int(value ? value->count : 0);
}

/* ---- hashes ---- */

static redisReply *hget(const struct command *command)
{
	const struct pair *pair;
	redisReply *reply;
	struct value *hash;

	if (!command_find(command, VALUE_HASH, &hash, &reply))
		return reply;
	pair = hash ? hash_find(hash, command->argv[2], command->lens[2]) : NULL;
	return pair ? reply_text(pair->value.bytes, pair->value.len) : reply_nil();
}

static redisReply *hexists(const struct command *command)
{
	return has_element(command, VALUE_HASH);
}

static redisReply *hlen(const struct command *command)
{
	return count_elements(command, VALUE_HASH);
}

/* Returns whether the field is new. */
static bool store(const struct command *command, struct value *hash, int field, int value)
{
	struct pair *pair = hash_find(hash, command->argv[field], command->lens[field]);
	struct text before = pair ? pair->value : (struct text){0};

	if (command->stored)
		command->stored(command->argv[1], command->argv[field], command->argv[value], command->lens[value],
				before.bytes, before.len);
	if (!pair) {
		hash->pairs = mem_resize(hash->pairs, (size_t)(hash->count + 1) * sizeof *hash->pairs);
		pair = &hash->pairs[hash->count++];
		pair->field = text_copy(command->argv[field], command->lens[field]);
	}
	pair->value = text_copy(command->argv[value], command->lens[value]);
	free(before.bytes);
	return !before.bytes;
}

static redisReply *hset(const struct command *command)
{
	redisReply *reply;
	struct value *hash;
	int added = 0;

	if (!command_find(command, VALUE_HASH, &hash, &reply))
		return reply;
	hash = command_find_or_add(command, hash, VALUE_HASH);
	for (int i = 2; i + 1 < command->argc; i += 2)
		added += store(command, hash, i, i + 1);
	return reply_int(added);
}

static redisReply *hsetnx(const struct command *command)
{
	redisReply *reply;
	struct value *hash;

	if (!command_find(command, VALUE_HASH, &hash, &reply))
		return reply;
	if (hash && hash_find(hash, command->argv[2], command->lens[2]))
		return reply_int(0);
	store(command, command_find_or_add(command, hash, VALUE_HASH), 2, 3);
	return reply_int(1);
}

static redisReply *hdel(const struct command *command)
{
	redisReply *reply;
	struct value *hash;
	int count = 0;

	if (!command_find(command, VALUE_HASH, &hash, &reply))
		return reply;
	for (int i = 2; hash && i < command->argc; i++) {
		struct pair *pair = hash_find(hash, command->argv[i], command->lens[i]);

		if (!pair)
			continue;
		free(pair->field.bytes);
		free(pair->value.bytes);
		hash->count--;
		memmove(pair, pair + 1, (size_t)(&hash->pairs[hash->count] - pair) * sizeof *pair);
		count++;
	}
	if (hash && hash->count == 0)
		database_remove(command->database, hash);
	return reply_int(count);
}

/* ---- lists and sets ---- */

static void append(struct value *value, const struct command *command, int element)
{
	value->pairs = mem_resize(value->pairs, (size_t)(value->count + 1) * sizeof *value->pairs);
	value->pairs[value->count++] = (struct pair){.field = text_copy(command->argv[element], command->lens[element])};
}

static redisReply *sadd(const struct command *command)
{
	redisReply *reply;
	struct value *elements;
	int added = 0;

	if (!command_find(command, VALUE_SET, &elements, &reply))
		return reply;
	elements = command_find_or_add(command, elements, VALUE_SET);
	for (int i = 2; i < command->argc; i++)
		if (!hash_find(elements, command->argv[i], command->lens[i])) {
			append(elements, command, i);
			added++;
		}
	return reply_int(added);
}

static redisReply *sismember(const struct command *command)
{
	return has_element(command, VALUE_SET);
}

static redisReply *scard(const struct command *command)
{
	return count_elements(command, VALUE_SET);
}

static redisReply *rpush(const struct command *command)
{
	redisReply *reply;
	struct value *list;

	if (!command_find(command, VALUE_LIST, &list, &reply))
		return reply;
	list = command_find_or_add(command, list, VALUE_LIST);
	append(list, command, 2);
	return reply_int(list->count);
}

static redisReply *llen(const struct command *command)
{
	return count_elements(command, VALUE_LIST);
}

static redisReply *lrange(const struct command *command)
{
	redisReply *reply;
	struct value *list;

	if (!command_find(command, VALUE_LIST, &list, &reply))
		return reply;
	if (!command_word_is(command, 2, "0") || !command_word_is(command, 3, "-1"))
		return reply_error("SIMULATOR this form of LRANGE is unknown");
	reply = reply_array(list ? (size_t)list->count : 0);
	for (int i = 0; list && i < list->count; i++)
		reply->element[i] = reply_text(list->pairs[i].field.bytes, list->pairs[i].field.len);
	return reply;
}

redisReply *list_pop(struct database *database, const char *key)
{
	struct value *list = database_find(database, key, strlen(key));
	redisReply *reply;

	if (!list || list->type != VALUE_LIST)
		return NULL;
	reply = reply_array(2);
	reply->element[0] = reply_text(key, strlen(key));
	reply->element[1] = reply_text(list->pairs[0].field.bytes, list->pairs[0].field.len);
	free(list->pairs[0].field.bytes);
	list->count--;
	memmove(list->pairs, list->pairs + 1, (size_t)list->count * sizeof *list->pairs);
	if (list->count == 0)
		database_remove(database, list);
	return reply;
}

static redisReply *blpop(const struct command *command)
{
	redisReply *reply;
	struct value *list;

	if (!command_find(command, VALUE_LIST, &list, &reply))
		return reply;
	return list ? list_pop(command->database, command->argv[1]) : reply_nil();
}

/* ---- others ---- */

static redisReply *server_time(const struct command *command)
{
	redisReply *reply = reply_array(2);
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, command->now_us / 1000000);
	reply->element[0] = reply_text(text, strlen(text));
	snprintf(text, sizeof text, "%" PRId64, command->now_us % 1000000);
	reply->element[1] = reply_text(text, strlen(text));
	return reply;
}

static redisReply *publish(const struct command *command)
{
	if (command->published)
		command->published(command->argv[1], command->argv[2], command->lens[2]);
	return reply_int(0);
}

static redisReply *ping(const struct command *command)
{
	return reply_word("PONG");
}

static redisReply *flushall(const struct command *command)
{
	database_free(command->database);
	return reply_word("OK");
}

static redisReply *hgetall(const struct command *command)
{
	redisReply *reply;
	struct value *hash;

	if (!command_find(command, VALUE_HASH, &hash, &reply))
		return reply;
	reply = reply_array(hash ? 2 * (size_t)hash->count : 0);
	for (int i = 0; hash && i < hash->count; i++) {
		reply->element[2 * i] = reply_text(hash->pairs[i].field.bytes, hash->pairs[i].field.len);
		reply->element[2 * i + 1] = reply_text(hash->pairs[i].value.bytes, hash->pairs[i].value.len);
	}
	return reply;
}

static redisReply *info(const struct command *command)
{
	char text[100];

	snprintf(text, sizeof text, "# Server\r\nrun_id:%s\r\ntcp_port:6379\r\n", command->life);
	return reply_text(text, strlen(text));
}

#define WRITES 1
#define NEEDS_MEMORY 2
static const struct {
	const char *name;
	int argc_min, flags;
	redisReply *(*run)(const struct command *command);
} commands[] = {
	{"HEXISTS", 3, 0, hexists},
	{"HGET", 3, 0, hget},
	{"HSET", 4, WRITES | NEEDS_MEMORY, hset},
	{"HSETNX", 4, WRITES | NEEDS_MEMORY, hsetnx},
	{"HDEL", 3, WRITES, hdel},
	{"HLEN", 2, 0, hlen},
	{"HGETALL", 2, 0, hgetall},
	{"INFO", 1, 0, info},
	{"XADD", 5, WRITES | NEEDS_MEMORY, command_xadd},
	{"XDEL", 3, WRITES, command_xdel},
	{"XACK", 4, WRITES, command_xack},
	{"XLEN", 2, 0, command_xlen},
	{"XRANGE", 4, 0, command_xrange},
	{"XREAD", 4, 0, command_xread},
	{"XREADGROUP", 7, WRITES, command_xreadgroup},
	{"XPENDING", 3, 0, command_xpending},
	{"XCLAIM", 6, WRITES, command_xclaim},
	{"XAUTOCLAIM", 6, WRITES, command_xautoclaim},
	{"XTRIM", 4, WRITES, command_xtrim},
	{"XINFO", 3, 0, command_xinfo},
	{"XGROUP", 4, WRITES, command_xgroup},
	{"GET", 2, 0, get},
	{"SET", 3, WRITES | NEEDS_MEMORY, set},
	{"DEL", 2, WRITES, del},
	{"EXPIRE", 3, WRITES, expire},
	{"PEXPIRE", 3, WRITES, pexpire},
	{"PTTL", 2, 0, pttl},
	{"SADD", 3, WRITES | NEEDS_MEMORY, sadd},
	{"SISMEMBER", 3, 0, sismember},
	{"SCARD", 2, 0, scard},
	{"RPUSH", 3, WRITES | NEEDS_MEMORY, rpush},
	{"LLEN", 2, 0, llen},
	{"LRANGE", 4, 0, lrange},
	{"BLPOP", 3, WRITES, blpop},
	{"EXISTS", 2, 0, exists},
	{"TIME", 1, 0, server_time},
	{"PUBLISH", 3, 0, publish},
	{"PING", 1, 0, ping},
	{"FLUSHALL", 1, WRITES, flushall},
};

/* A script that has written goes on although there is no memory, because half a script would be worse. */
static redisReply *refuse(const struct command *command, int flags)
{
	bool has_written = command->has_written && *command->has_written;

	if ((flags & WRITES) && command->refuses_writes)
		return reply_error("%s", command->refuses_writes);
	/* XGROUP CREATE needs memory too; its other words do not, but are only called in scripts that have written */
	if (((flags & NEEDS_MEMORY) || command_word_is(command, 1, "CREATE")) && command->is_full && !has_written)
		return reply_error("OOM command not allowed when used memory > 'maxmemory'.");
	return NULL;
}

static void drop_expired(const struct command *command)
{
	for (int i = command->database->count - 1; i >= 0; i--) {
		struct value *value = &command->database->values[i];

		if (value->expires_ms && value->expires_ms <= command->now_ms)
			database_remove(command->database, value);
	}
}

redisReply *command_run(const struct command *command)
{
	redisReply *refused;

	drop_expired(command);

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (!command_word_is(command, 0, commands[i].name))
			continue;
		if (command->argc < commands[i].argc_min)
			return reply_error("ERR wrong number of arguments for '%s' command", command->argv[0]);
		refused = refuse(command, commands[i].flags);
		if (refused)
			return refused;
		if ((commands[i].flags & WRITES) && command->has_written)
			*command->has_written = true;
		return commands[i].run(command);
	}
	return reply_error("ERR unknown command '%s', with args beginning with: ", command->argv[0]);
}

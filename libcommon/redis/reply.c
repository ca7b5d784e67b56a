#include "redis/redis.h"

#include <string.h>

#include "base/log.h"

enum status redis_unexpected(const char *command, const redisReply *reply)
{
	log_line(LOG_WARN, "redis answered with a reply of another type", LOG_TEXT("command", command),
		 LOG_INT("type", reply->type));
	return STATUS_INTERNAL;
}

bool redis_is_nil(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_NIL;
}

const char *redis_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

static bool is_pair(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
}

const redisReply *redis_stream_entries(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 || !is_pair(reply->element[0]))
		return NULL;
	reply = reply->element[0]->element[1];
	return reply->type == REDIS_REPLY_ARRAY ? reply : NULL;
}

/* One that were cut off would name another entry. */
static bool is_entry_id(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING && reply->len < REDIS_ENTRY_ID_BYTES && strlen(reply->str) == reply->len;
}

bool redis_is_entry(const redisReply *reply)
{
	return is_pair(reply) && is_entry_id(reply->element[0]) && reply->element[1]->type == REDIS_REPLY_ARRAY;
}

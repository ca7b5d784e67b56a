/* The connection to Redis, in place of redis/call.c, for the targets that read what it answers to a room's calls: each command
 * waits until the target answers it, in the order in which they were sent. */
#ifndef ABACUS_FUZZ_REDIS_CALLS_H
#define ABACUS_FUZZ_REDIS_CALLS_H

#include "redis/redis_internal.h"
#include "redis_replies.h"

#define COMMANDS_MAX 8 /* of one call of the room */

static struct redis_call pending[COMMANDS_MAX];
static int pending_count;
static const redisReply *current; /* the reply that a callback is being run for */

/* What a target demands of its commands; lens NULL: C strings. */
static void check_command(int argc, const char **argv, const size_t *lens);

static inline struct redis_call *accept_call(redis_done *done, void *arg)
{
	require(pending_count < COMMANDS_MAX);
	pending[pending_count] = (struct redis_call){.done = done, .arg = arg};
	return &pending[pending_count++];
}

static inline void check_arguments(int argc, const char **argv, const size_t *lens)
{
	size_t bytes = 0;

	for (int i = 0; i < argc; i++)
		bytes += lens ? lens[i] : strlen(argv[i]);
	require(argc > 0 && bytes > 0);
}

struct redis_call *redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc, const char **argv,
					  const size_t *lens, redis_done *done, void *arg)
{
	check_arguments(argc, argv, lens);
	return accept_call(done, arg);
}

struct redis_call *redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv, const size_t *lens,
				 redis_done *done, void *arg)
{
	check_arguments(argc, argv, lens);
	check_command(argc, argv, lens);
	return accept_call(done, arg);
}

struct redis_call *redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys, int argc,
			      const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	require(*script->lua && keys <= argc);
	check_arguments(argc, argv, lens);
	return accept_call(done, arg);
}

void redis_call_own(struct redis_call *call, void *memory)
{
	require(call == &pending[pending_count - 1] && !call->owned);
	call->owned = memory;
}

/* As call.c does: a reply after which the connection is dropped is not passed on. */
static inline void answer(const redisReply *reply)
{
	struct redis_call call = pending[0];
	enum status status = reply ? STATUS_OK : STATUS_UNAVAILABLE;

	if (reply && reply->type == REDIS_REPLY_ERROR) {
		const struct redis_error *error = redis_error_of(reply->str);

		require(error && error->status != STATUS_OK);
		status = error->status;
		reply = error->drops_connection ? NULL : reply;
	}
	memmove(pending, pending + 1, (size_t)--pending_count * sizeof *pending);
	current = reply;
	call.done(status, reply, call.arg);
	current = NULL;
	free(call.owned);
}

/* The replies of the input, and no reply to what is sent behind the last of them. */
static inline void answer_all(redisReader *reader)
{
	for (int command = 0; pending_count > 0; command++) {
		void *reply = NULL;

		require(command < COMMANDS_MAX);
		if (redisReaderGetReply(reader, &reply) != REDIS_OK)
			reply = NULL;
		answer(reply);
		if (reply)
			freeReplyObject(reply);
	}
}

#endif

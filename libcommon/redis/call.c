/* Commands. Redis answers in the order of sending, so the calls in flight are a list whose first entry is the oldest: one
 * timer that checks it enforces the time limit of all. */
#include "redis/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/mem.h"
#include "trace/span.h"

#define LOGGED_ANEW_S 60

static void redis_call_free(struct redis_call *call)
{
	redisFreeCommand(call->bytes);
	free(call->owned);
	free(call);
}

static void redis_call_fail(struct redis *redis, struct redis_call *call, enum status status)
{
	call->failure = status;
	TAILQ_INSERT_TAIL(&redis->failed, call, link);
	if (!loop_timer_is_running(redis->failures))
		loop_timer_start(redis->failures, 0);
}

static struct redis_call *take_oldest(struct redis *redis)
{
	struct redis_call *call = TAILQ_FIRST(&redis->in_flight);

	TAILQ_REMOVE(&redis->in_flight, call, link);
	redis->in_flight_count -= call->done != NULL;
	return call;
}

void redis_call_end(struct redis *redis, struct redis_call *call)
{
	take_oldest(redis);
	redis_call_free(call);
}

static void record_span(const struct redis_call *call, enum status status)
{
	trace_call_record(&call->op, "redis", call->name, call->started_us, status != STATUS_OK);
}

/* Their callbacks run from the loop. */
void redis_calls_fail(struct redis *redis, enum status oldest)
{
	enum status status = oldest;

	while (!TAILQ_EMPTY(&redis->in_flight)) {
		struct redis_call *call = take_oldest(redis);

		if (call->done)
			redis_call_fail(redis, call, status);
		else
			redis_call_free(call);
		status = STATUS_UNAVAILABLE;
	}
}

/* By a timer, in the loop's next turn: a callback that tries again at once would otherwise keep this turn going for ever. */
void redis_calls_report_failed(void *arg)
{
	struct redis_calls failed = TAILQ_HEAD_INITIALIZER(failed);
	struct redis *redis = arg;
	struct redis_call *call;

	TAILQ_CONCAT(&failed, &redis->failed, link);
	while ((call = TAILQ_FIRST(&failed))) {
		TAILQ_REMOVE(&failed, call, link);
		record_span(call, call->failure);
		if (op_end(&call->op))
			call->done(call->failure, NULL, call->arg);
		redis_call_free(call);
	}
}

void redis_calls_detach(struct redis *redis)
{
	struct redis_call *call;

	while (!TAILQ_EMPTY(&redis->in_flight)) {
		call = take_oldest(redis);
		op_end(&call->op);
		redis_call_free(call);
	}
	while ((call = TAILQ_FIRST(&redis->failed))) {
		TAILQ_REMOVE(&redis->failed, call, link);
		op_end(&call->op);
		redis_call_free(call);
	}
}

/* ---- sending and answering ---- */

static void send_call(struct redis *redis, struct redis_call *call);

/* It is repeated whatever the answer is. */
static void loaded(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	redis_call_end(redis, call);
}

/* Redis no longer has the script (SCRIPT FLUSH): load it again and repeat the call behind that. */
static bool repeat(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	if (!call->script || call->is_repeated || strncmp(reply->str, "NOSCRIPT", 8) != 0)
		return false;
	call->is_repeated = true;
	take_oldest(redis);
	redis_call_ask(redis, 3, (const char *[]){"SCRIPT", "LOAD", call->script->lua}, call->script, loaded);
	send_call(redis, call);
	return true;
}

static bool is_logged_lately(struct redis_logged *logged, const struct redis_error *error)
{
	int64_t now_us = clock_monotonic_us();

	if (logged->error == error && now_us - logged->at_us < LOGGED_ANEW_S * INT64_C(1000000))
		return true;
	*logged = (struct redis_logged){error, now_us};
	return false;
}

/* While Redis takes no writes, every one of them is refused, and a group that it has lost can not be made either: each is
 * logged when it begins, and once a minute. */
static enum log_level level_of(struct redis *redis, const struct redis_error *error)
{
	if (error->is_expected)
		return is_logged_lately(&redis->logged_expected, error) ? LOG_DEBUG : LOG_INFO;
	if (error->refusal)
		return is_logged_lately(&redis->logged_refusal, error) ? LOG_DEBUG : LOG_WARN;
	return LOG_WARN;
}

/* Returns false when the error drops the connection: the call then fails with all others in flight. */
static bool judge_error(struct redis *redis, const struct redis_call *call, const redisReply *reply, enum status *ret_status)
{
	const struct redis_error *error = redis_error_of(reply->str);

	log_line(level_of(redis, error), "redis refused a command", LOG_TEXT("command", call->name),
		 LOG_TEXT("reason", reply->str));
	*ret_status = error->status;
	redis->refusal = error->refusal;
	if (!error->drops_connection)
		return true;
	redis->is_doubted = true;
	redis->dropped_count++;
	redis_lose(redis, reply->str, error->status);
	return false;
}

static void answered(struct redis *redis, struct redis_call *call, const redisReply *reply)
{
	enum status status = STATUS_OK;

	if (reply->type == REDIS_REPLY_ERROR && (repeat(redis, call, reply) || !judge_error(redis, call, reply, &status)))
		return;
	take_oldest(redis);
	record_span(call, status);
	if (op_end(&call->op))
		call->done(status, reply, call->arg);
	redis_call_free(call);
}

static void send_call(struct redis *redis, struct redis_call *call)
{
	TAILQ_INSERT_TAIL(&redis->in_flight, call, link);
	redis->in_flight_count += call->done != NULL;
	redis_link_send(redis->link, call->bytes, (size_t)call->len);
}

static void format(struct redis_call *call, int argc, const char **argv, const size_t *lens)
{
	call->len = redisFormatCommandArgv(&call->bytes, argc, argv, lens);
	if (call->len < 0)
		mem_die("no memory for a Redis command\n");
}

void redis_call_ask(struct redis *redis, int argc, const char **argv, const struct redis_script *script,
		    void (*answered_own)(struct redis *, struct redis_call *, const redisReply *))
{
	struct redis_call *call = mem_alloc(sizeof *call);

	*call = (struct redis_call){.answered = answered_own, .name = argv[0], .script = script};
	call->deadline_us = clock_monotonic_us() + redis->config.command_timeout_ms * 1000;
	format(call, argc, argv, NULL);
	send_call(redis, call);
}

void redis_call_own(struct redis_call *call, void *memory)
{
	call->owned = memory;
}

/* A call that cannot be sent fails from the loop; ret_is_sendable says whether the caller may send it. */
static struct redis_call *call_new(struct redis *redis, struct scope *scope, const char *name, long limit_ms, redis_done *done,
				   void *arg, bool *ret_is_sendable)
{
	struct redis_call *call = mem_alloc(sizeof *call);

	*call = (struct redis_call){.answered = answered, .done = done, .arg = arg, .name = name};
	call->started_us = clock_monotonic_us();
	call->deadline_us = call->started_us + limit_ms * 1000;
	op_start(scope, &call->op);
	*ret_is_sendable = redis->state == REDIS_READY && redis->in_flight_count < (unsigned)redis->config.in_flight_max;
	if (*ret_is_sendable)
		return call;
	redis_call_fail(redis, call, redis->state == REDIS_READY ? STATUS_BUSY : STATUS_UNAVAILABLE);
	return call;
}

struct redis_call *redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc, const char **argv,
					  const size_t *lens, redis_done *done, void *arg)
{
	bool is_sendable;
	struct redis_call *call =
		call_new(redis, scope, "command", redis->config.command_timeout_ms + block_ms, done, arg, &is_sendable);

	if (!is_sendable)
		return call;
	format(call, argc, argv, lens);
	send_call(redis, call);
	return call;
}

struct redis_call *redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv, const size_t *lens,
				 redis_done *done, void *arg)
{
	return redis_command_blocking(redis, scope, 0, argc, argv, lens, done, arg);
}

struct redis_call *redis_unblock(struct redis *redis, struct scope *scope, const struct redis *blocked, redis_done *done,
				 void *arg)
{
	char id[INT64_TEXT_BYTES];

	int64_format(blocked->client_id, id);
	return redis_command(redis, scope, 3, (const char *[]){"CLIENT", "UNBLOCK", id}, NULL, done, arg);
}

static const char *sha1_of(const struct redis *redis, const struct redis_script *script)
{
	for (size_t i = 0; redis->scripts && redis->scripts[i]; i++)
		if (redis->scripts[i] == script && redis->sha1[i][0])
			return redis->sha1[i];
	return NULL;
}

struct redis_call *redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys, int argc,
			      const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	bool is_sendable;
	struct redis_call *call =
		call_new(redis, scope, script->name, redis->config.command_timeout_ms, done, arg, &is_sendable);
	const char *sha1 = sha1_of(redis, script);
	const char *stack_argv[16], **all = argc + 3 <= 16 ? stack_argv : mem_alloc((size_t)(argc + 3) * sizeof *all);
	size_t stack_lens[16], *all_lens = argc + 3 <= 16 ? stack_lens : mem_alloc((size_t)(argc + 3) * sizeof *all_lens);
	char keys_text[16];

	if (!is_sendable)
		goto out;
	snprintf(keys_text, sizeof keys_text, "%d", keys);
	all[2] = keys_text;
	all_lens[2] = strlen(keys_text);
	for (int i = 0; i < argc; i++) {
		all[3 + i] = argv[i];
		all_lens[3 + i] = lens ? lens[i] : strlen(argv[i]);
	}
	all[0] = sha1 ? "EVALSHA" : "EVAL";
	all[1] = sha1 ? sha1 : script->lua;
	all_lens[0] = strlen(all[0]);
	all_lens[1] = strlen(all[1]);
	call->script = script;
	format(call, argc + 3, all, all_lens);
	send_call(redis, call);
out:
	if (all != stack_argv)
		free(all);
	if (all_lens != stack_lens)
		free(all_lens);
	return call;
}

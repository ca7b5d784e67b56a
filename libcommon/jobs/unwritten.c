/* What workers finished and Postgres does not have yet. All processes of values read as one consumer: what one of them received
 * and did not write is taken over after a time, so there are no consumers to clean up. */
#include "jobs/jobs_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

#define CONSUMER "values"

REDIS_SCRIPT(libcommon_jobs, written, jobs_written);

struct call { /* freed with its redis_call */
	union {
		jobs_unwritten_received *received;
		jobs_done *done;
	};
	void *arg;
	struct redis *redis;
	struct scope *scope;
};

static struct call *call_new(struct redis *redis, struct scope *scope, void *arg)
{
	struct call *call = mem_alloc(sizeof *call);

	*call = (struct call){.arg = arg, .redis = redis, .scope = scope};
	return call;
}

/* ---- receiving ---- */

static bool read_key(const redisReply *fields, struct job_key *key)
{
	return fields->elements == 6 && kind_parse(redis_text(fields->element[1]), &key->kind) == 0 &&
	       int64_parse(redis_text(fields->element[3]), &key->index) == STATUS_OK && key->index >= 0;
}

static void read_entry(const redisReply *entry, struct jobs_unwritten *unwritten)
{
	const redisReply *fields = entry->element[1], *summary;

	*unwritten = (struct jobs_unwritten){0};
	snprintf(unwritten->id, sizeof unwritten->id, "%s", entry->element[0]->str);
	if (!read_key(fields, &unwritten->result.key)) {
		unwritten->result.key.index = -1;
		return;
	}
	summary = fields->element[5];
	if (summary->type == REDIS_REPLY_STRING && summary->len == 0)
		unwritten->result.state = JOB_FAILED;
	else if (!job_summary_read(redis_text(summary), summary->len, &unwritten->result))
		unwritten->result = (struct job_result){.key = unwritten->result.key, .state = JOB_ABSENT};
}

static void deliver(struct call *call, const char *command, const redisReply *entries)
{
	struct jobs_unwritten unwritten[JOBS_BATCH_MAX];
	int n = 0;

	for (size_t i = 0; i < entries->elements && n < JOBS_BATCH_MAX; i++) {
		if (!redis_is_entry(entries->element[i]))
			return call->received(redis_unexpected(command, entries->element[i]), NULL, 0, call->arg);
		read_entry(entries->element[i], &unwritten[n++]);
	}
	call->received(STATUS_OK, unwritten, n, call->arg);
}

static void group_made(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_INTERNAL && reply && strncmp(reply->str, "BUSYGROUP", 9) == 0) /* another process has made it */
		status = STATUS_OK;
	call->received(status, NULL, 0, call->arg);
}

/* From the first entry on, because a group that is lost forgets what was acknowledged, and writing twice changes nothing. */
static void make_group(const struct call *call)
{
	struct call *again = call_new(call->redis, call->scope, call->arg);

	again->received = call->received;
	redis_call_own(redis_command(call->redis, call->scope, 6,
				     (const char *[]){"XGROUP", "CREATE", JOBS_FINISHED, JOBS_FINISHED_GROUP, "0", "MKSTREAM"},
				     NULL, group_made, again),
		       again);
}

static bool is_without_group(enum status status, const redisReply *reply)
{
	return status == STATUS_INTERNAL && reply &&
	       (strncmp(reply->str, "NOGROUP", 7) == 0 || strncmp(reply->str, "UNBLOCKED", 9) == 0);
}

static void received(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (is_without_group(status, reply))
		make_group(call);
	else if (status != STATUS_OK)
		call->received(status, NULL, 0, call->arg);
	else if (redis_stream_entries(reply))
		deliver(call, "XREADGROUP", redis_stream_entries(reply));
	else
		call->received(redis_is_nil(reply) ? STATUS_OK : redis_unexpected("XREADGROUP", reply), NULL, 0, call->arg);
}

void jobs_unwritten_receive(struct redis *redis, struct scope *scope, long block_ms, jobs_unwritten_received *done, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char count[INT64_TEXT_BYTES], block[INT64_TEXT_BYTES];

	call->received = done;
	int64_format(JOBS_BATCH_MAX, count);
	int64_format(block_ms, block);
	redis_call_own(redis_command_blocking(redis, scope, block_ms, 11,
					      (const char *[]){"XREADGROUP", "GROUP", JOBS_FINISHED_GROUP, CONSUMER, "COUNT",
							       count, "BLOCK", block, "STREAMS", JOBS_FINISHED, ">"},
					      NULL, received, call),
		       call);
}

/* ---- taking over ---- */

/* [next id, entries] and since Redis 7 [.., ids that were deleted] */
static bool is_claim(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2 && reply->element[1]->type == REDIS_REPLY_ARRAY;
}

static void taken_over(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (is_without_group(status, reply))
		return make_group(call);
	if (status == STATUS_OK && !is_claim(reply))
		status = redis_unexpected("XAUTOCLAIM", reply);
	if (status == STATUS_OK)
		deliver(call, "XAUTOCLAIM", reply->element[1]);
	else
		call->received(status, NULL, 0, call->arg);
}

void jobs_unwritten_take_over(struct redis *redis, struct scope *scope, long idle_ms, jobs_unwritten_received *done, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char count[INT64_TEXT_BYTES], idle[INT64_TEXT_BYTES];

	call->received = done;
	int64_format(JOBS_BATCH_MAX, count);
	int64_format(idle_ms, idle);
	redis_call_own(redis_command(redis, scope, 8,
				     (const char *[]){"XAUTOCLAIM", JOBS_FINISHED, JOBS_FINISHED_GROUP, CONSUMER, idle, "0-0",
						      "COUNT", count},
				     NULL, taken_over, call),
		       call);
}

/* ---- taking out ---- */

static void done_writing(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	call->done(status, call->arg);
}

#define WRITTEN_FIRST 5 /* keys and arguments before those of the first entry */

void jobs_written(struct redis *redis, struct scope *scope, const struct jobs_written *written, int n, jobs_done *done,
		  void *arg)
{
	const char *argv[WRITTEN_FIRST + 2 * JOBS_BATCH_MAX] = {JOBS_WINDOW_KEY, JOBS_FINISHED, JOBS_REFILL_RIGHT, JOBS_GONE,
								JOBS_FINISHED_GROUP};
	char names[JOBS_BATCH_MAX][JOBS_NAME_BYTES];
	struct call *call = call_new(redis, scope, arg);

	call->done = done;
	for (int i = 0; i < n; i++) {
		if (written[i].key.index >= 0)
			job_name(written[i].key, names[i]);
		else
			names[i][0] = '\0';
		argv[WRITTEN_FIRST + 2 * i] = written[i].id;
		argv[WRITTEN_FIRST + 2 * i + 1] = names[i];
	}
	redis_call_own(redis_eval(redis, scope, &jobs_written_script, WRITTEN_FIRST - 1, WRITTEN_FIRST + 2 * n, argv, NULL,
				  done_writing, call),
		       call);
}

#include "jobs/jobs_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

const struct redis_script *const jobs_scripts[] = {
	&jobs_add_script,        &jobs_refill_begin_script, &jobs_refill_script,
	&jobs_refill_end_script, &jobs_look_up_script,      &jobs_legacy_script,
	&jobs_retry_script,      &jobs_cancel_script,       &jobs_written_script,
	&jobs_take_over_script,  &jobs_finish_script,       &jobs_release_script,
	&jobs_bury_script,       &jobs_count_script,        &jobs_ask_decimal_script,
	&jobs_present_script,    &jobs_backlog_script,      NULL,
};

REDIS_SCRIPT(libcommon_jobs, add, jobs_add);
REDIS_SCRIPT(libcommon_jobs, refill_begin, jobs_refill_begin);
REDIS_SCRIPT(libcommon_jobs, refill, jobs_refill);
REDIS_SCRIPT(libcommon_jobs, refill_end, jobs_refill_end);
REDIS_SCRIPT(libcommon_jobs, look_up, jobs_look_up);
REDIS_SCRIPT(libcommon_jobs, retry, jobs_retry);
REDIS_SCRIPT(libcommon_jobs, cancel, jobs_cancel);

struct call { /* of any function below; freed with its redis_call */
	union {
		jobs_added *added;
		jobs_refill_begun *begun;
		jobs_refilled *refilled;
		jobs_looked_up *looked_up;
		jobs_read *read;
		jobs_done *done;
		jobs_cancelled *cancelled;
	};
	void *arg;
	int n; /* answers expected */
	struct job_key keys[];
};

static struct call *call_new(void *arg, int n)
{
	struct call *call = mem_alloc(sizeof *call + (size_t)n * sizeof *call->keys);

	call->arg = arg;
	call->n = n;
	return call;
}

/* The scripts answer with the numbers of the enum. False: with something else. */
static bool read_state(const redisReply *reply, enum job_state *ret_state)
{
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer < JOB_ABSENT || reply->integer > JOB_FAILED)
		return false;
	*ret_state = (enum job_state)reply->integer;
	return true;
}

static bool is_array_of(const redisReply *reply, int n)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == (size_t)n;
}

static bool is_pair_of_integers(const redisReply *reply)
{
	return is_array_of(reply, 2) && reply->element[0]->type == REDIS_REPLY_INTEGER &&
	       reply->element[1]->type == REDIS_REPLY_INTEGER;
}

/* ---- adding ---- */

static void added(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	enum job_state states[JOBS_BATCH_MAX];

	if (status == STATUS_OK && !is_array_of(reply, call->n))
		status = redis_unexpected("add", reply);
	for (int i = 0; status == STATUS_OK && i < call->n; i++)
		if (!read_state(reply->element[i], &states[i]))
			status = redis_unexpected("add", reply->element[i]);
	call->added(status, status == STATUS_OK ? states : NULL, call->arg);
}

#define ADD_KEYS 6
#define ADD_FIRST (ADD_KEYS + 2) /* keys and arguments before those of the first job */
#define ADD_ARGS 5               /* of one job */

struct room_texts {
	char names[INT64_TEXT_BYTES], large_us[INT64_TEXT_BYTES];
};

static void format_room(struct jobs_room room, struct room_texts *texts)
{
	int64_format(room.names, texts->names);
	int64_format(room.large_us, texts->large_us);
}

struct key_texts {
	char index[INT64_TEXT_BYTES], us[INT64_TEXT_BYTES];
};

static void format_key(struct job_key key, struct key_texts *texts)
{
	int64_format(key.index, texts->index);
	job_us(key, texts->us);
}

static const char *traceparent_of(const struct job_to_add *job, char text[TRACE_PARENT_BYTES])
{
	text[0] = '\0';
	if (job->trace)
		trace_format(job->trace, text);
	return text;
}

void jobs_add(struct redis *redis, struct scope *scope, struct jobs_room room, const struct job_to_add *jobs, int n,
	      jobs_added *done, void *arg)
{
	struct key_texts texts[JOBS_BATCH_MAX];
	struct room_texts of_room;
	char traceparents[JOBS_BATCH_MAX][TRACE_PARENT_BYTES];
	const char *argv[ADD_FIRST + ADD_ARGS * JOBS_BATCH_MAX] = {JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_WINDOW_KEY,
								   JOBS_DEAD_KEY,     JOBS_FINISHED,     JOBS_LOAD,
								   of_room.names,     of_room.large_us};
	struct call *call = call_new(arg, 0);

	call->added = done;
	call->n = n;
	format_room(room, &of_room);
	for (int i = 0; i < n; i++) {
		const char **of_job = argv + ADD_FIRST + ADD_ARGS * i;

		format_key(jobs[i].key, &texts[i]);
		of_job[0] = kind_name(jobs[i].key.kind);
		of_job[1] = texts[i].index;
		of_job[2] = jobs[i].request_id;
		of_job[3] = texts[i].us;
		of_job[4] = traceparent_of(&jobs[i], traceparents[i]);
	}
	redis_call_own(redis_eval(redis, scope, &jobs_add_script, ADD_KEYS, ADD_FIRST + ADD_ARGS * n, argv, NULL, added, call),
		       call);
}

/* ---- refilling ---- */

#define OWNER_BYTES 128 /* of "process#round" */
#define REFILL_KEYS 8
#define REFILL_FIRST (REFILL_KEYS + 3)
#define REFILL_ARGS 3

static void format_owner(const struct jobs_refiller *refiller, char owner[OWNER_BYTES])
{
	snprintf(owner, OWNER_BYTES, "%.100s#%" PRIu64, refiller->process, refiller->round);
}

static bool is_number_up_to(const redisReply *reply, long long least, long long most)
{
	return reply->type == REDIS_REPLY_INTEGER && reply->integer >= least && reply->integer <= most;
}

static bool read_answer(const redisReply *reply, struct jobs_refill_answer *ret_answer)
{
	if (!is_array_of(reply, 3) || !is_number_up_to(reply->element[0], JOBS_REFILL_OTHER, JOBS_REFILL_BEGIN) ||
	    !is_number_up_to(reply->element[1], 0, (1 << JOBS_LANES) - 1) || !is_number_up_to(reply->element[2], 0, INT64_MAX))
		return false;
	ret_answer->verdict = (enum jobs_refill_verdict)reply->element[0]->integer;
	for (int lane = 0; lane < JOBS_LANES; lane++)
		ret_answer->lanes[lane] = reply->element[1]->integer & (1 << lane);
	ret_answer->large_count = reply->element[2]->integer;
	return true;
}

static void refill_begun(enum status status, const redisReply *reply, void *arg)
{
	struct jobs_refill_answer answer = {.verdict = JOBS_REFILL_OTHER};
	struct call *call = arg;

	if (status == STATUS_OK && !read_answer(reply, &answer))
		status = redis_unexpected("refill_begin", reply);
	call->begun(status, &answer, call->arg);
}

void jobs_refill_begin(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, jobs_refill_begun *done,
		       void *arg)
{
	char owner[OWNER_BYTES], lease[INT64_TEXT_BYTES], lanes[INT64_TEXT_BYTES];
	struct room_texts of_room;
	struct call *call = call_new(arg, 0);

	call->begun = done;
	format_owner(refiller, owner);
	format_room(refiller->room, &of_room);
	int64_format(refiller->lease_ms, lease);
	int64_format(refiller->wants[JOBS_SMALL] | refiller->wants[JOBS_LARGE] << 1, lanes);
	redis_call_own(
		redis_eval(redis, scope, &jobs_refill_begin_script, 7, 14,
			   (const char *[]){JOBS_REFILL_RIGHT, JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_WINDOW_KEY,
					    JOBS_FINISHED, JOBS_LOAD, JOBS_GONE, owner, lease, of_room.names, of_room.large_us,
					    lanes, refiller->needs_half ? "1" : "0", refiller->is_urgent ? "1" : "0"},
			   NULL, refill_begun, call),
		call);
}

#define REFILL_CONFLICT (-1)

static bool is_refill(const redisReply *reply, int n)
{
	return is_pair_of_integers(reply) && is_number_up_to(reply->element[0], REFILL_CONFLICT, n);
}

static void refilled(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && !is_refill(reply, call->n))
		status = redis_unexpected("refill", reply);
	if (status == STATUS_OK && reply->element[0]->integer == REFILL_CONFLICT)
		status = STATUS_CONFLICT;
	if (status == STATUS_OK)
		call->refilled(STATUS_OK, (int)reply->element[0]->integer, reply->element[1]->integer != 0, call->arg);
	else
		call->refilled(status, 0, false, call->arg);
}

void jobs_refill(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, const struct job_key *keys,
		 int n, jobs_refilled *done, void *arg)
{
	char owner[OWNER_BYTES];
	struct key_texts texts[JOBS_BATCH_MAX];
	struct room_texts of_room;
	const char *argv[REFILL_FIRST + REFILL_ARGS * JOBS_BATCH_MAX] = {
		JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_WINDOW_KEY, JOBS_DEAD_KEY,    JOBS_FINISHED, JOBS_LOAD,
		JOBS_REFILL_RIGHT, JOBS_GONE,         of_room.names,   of_room.large_us, owner};
	struct call *call = call_new(arg, 0);

	call->refilled = done;
	call->n = n;
	format_owner(refiller, owner);
	format_room(refiller->room, &of_room);
	for (int i = 0; i < n; i++) {
		const char **of_job = argv + REFILL_FIRST + REFILL_ARGS * i;

		format_key(keys[i], &texts[i]);
		of_job[0] = kind_name(keys[i].kind);
		of_job[1] = texts[i].index;
		of_job[2] = texts[i].us;
	}
	redis_call_own(redis_eval(redis, scope, &jobs_refill_script, REFILL_KEYS, REFILL_FIRST + REFILL_ARGS * n, argv, NULL,
				  refilled, call),
		       call);
}

static void ended(enum status status, const redisReply *reply, void *arg)
{
}

void jobs_refill_end(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, long rest_ms,
		     const enum jobs_waiting waiting[JOBS_LANES])
{
	char owner[OWNER_BYTES], rest[INT64_TEXT_BYTES], small[INT64_TEXT_BYTES], large[INT64_TEXT_BYTES];

	format_owner(refiller, owner);
	int64_format(rest_ms, rest);
	int64_format(waiting[JOBS_SMALL], small);
	int64_format(waiting[JOBS_LARGE], large);
	redis_eval(redis, scope, &jobs_refill_end_script, 3, 7,
		   (const char *[]){JOBS_REFILL_RIGHT, JOBS_LOAD, JOBS_GONE, owner, rest, small, large}, NULL, ended, NULL);
}

/* ---- retrying ---- */

static void retried(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("retry", reply);
	call->done(status == STATUS_OK && reply->integer == 0 ? STATUS_NOT_FOUND : status, call->arg);
}

void jobs_retry(struct redis *redis, struct scope *scope, struct job_key key, bool is_failed, jobs_done *done, void *arg)
{
	struct call *call = call_new(arg, 0);
	struct key_texts texts;

	call->done = done;
	format_key(key, &texts);
	redis_call_own(redis_eval(redis, scope, &jobs_retry_script, 4, 8,
				  (const char *[]){jobs_stream(jobs_lane_of(key)), JOBS_WINDOW_KEY, JOBS_DEAD_KEY, JOBS_LOAD,
						   kind_name(key.kind), texts.index, is_failed ? "1" : "0", texts.us},
				  NULL, retried, call),
		       call);
}

/* ---- cancelling ---- */

static void cancelled(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("cancel", reply);
	call->cancelled(status, call->keys, call->n, call->arg);
}

#define CANCEL_FIRST 8 /* keys and arguments before those of the first job */

void jobs_cancel(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_cancelled *done, void *arg)
{
	char indexes[JOBS_BATCH_MAX][INT64_TEXT_BYTES];
	const char *argv[CANCEL_FIRST + 2 * JOBS_BATCH_MAX] = {JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_WINDOW_KEY,
							       JOBS_DEAD_KEY,     JOBS_LOAD,         JOBS_REFILL_RIGHT,
							       JOBS_GONE,         JOBS_GROUP};
	struct call *call = call_new(arg, n);

	call->cancelled = done;
	for (int i = 0; i < n; i++) {
		call->keys[i] = keys[i];
		int64_format(keys[i].index, indexes[i]);
		argv[CANCEL_FIRST + 2 * i] = kind_name(keys[i].kind);
		argv[CANCEL_FIRST + 2 * i + 1] = indexes[i];
	}
	redis_call_own(redis_eval(redis, scope, &jobs_cancel_script, CANCEL_FIRST - 1, CANCEL_FIRST + 2 * n, argv, NULL,
				  cancelled, call),
		       call);
}

/* ---- looking up ---- */

bool job_summary_read(const char *text, size_t len, struct job_result *result)
{
	int64_t *const numbers[] = {&result->digits, &result->duration_us, &result->calculated_unix_ms};
	const char *rest = text;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char *end;

		*numbers[i] = strtoll(rest, &end, 10);
		if (end == rest || *end != ' ')
			return false;
		rest = end + 1;
	}
	result->state = JOB_DONE;
	result->preview = rest;
	result->preview_len = len - (size_t)(rest - text);
	return result->duration_us >= 0 && result->calculated_unix_ms >= 0 && result->calculated_unix_ms <= JOB_UNIX_MS_MAX &&
	       job_is_preview(result->preview, result->preview_len, result->digits);
}

static bool read_result(const redisReply *reply, struct job_result *result)
{
	if (reply->type == REDIS_REPLY_STRING)
		return job_summary_read(reply->str, reply->len, result);
	return read_state(reply, &result->state);
}

bool jobs_read_results(const redisReply *reply, const struct job_key *keys, int n, struct job_result *results)
{
	if (!is_array_of(reply, n))
		return false;
	for (int i = 0; i < n; i++) {
		results[i] = (struct job_result){.key = keys[i]};
		if (!read_result(reply->element[i], &results[i]))
			return false;
	}
	return true;
}

static void looked_up(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct job_result *results = mem_alloc((size_t)call->n * sizeof *results);

	if (status == STATUS_OK && !jobs_read_results(reply, call->keys, call->n, results))
		status = redis_unexpected("look_up", reply);
	if (status == STATUS_OK)
		call->looked_up(STATUS_OK, results, call->n, call->arg);
	else
		call->looked_up(status, NULL, 0, call->arg);
	free(results);
}

void jobs_look_up(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_looked_up *done, void *arg)
{
	const char **argv = mem_alloc((size_t)(3 + 2 * n) * sizeof *argv);
	char(*indexes)[INT64_TEXT_BYTES] = mem_alloc((size_t)n * sizeof *indexes);
	struct call *call = call_new(arg, n);

	call->looked_up = done;
	argv[0] = JOBS_WINDOW_KEY;
	argv[1] = JOBS_DEAD_KEY;
	argv[2] = JOBS_FINISHED;
	for (int i = 0; i < n; i++) {
		call->keys[i] = keys[i];
		int64_format(keys[i].index, indexes[i]);
		argv[3 + 2 * i] = kind_name(keys[i].kind);
		argv[4 + 2 * i] = indexes[i];
	}
	redis_call_own(redis_eval(redis, scope, &jobs_look_up_script, 3, 3 + 2 * n, argv, NULL, looked_up, call), call);
	free(indexes);
	free(argv);
}

static void decimal_read(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && redis_is_nil(reply))
		status = STATUS_NOT_FOUND;
	else if (status == STATUS_OK && reply->type != REDIS_REPLY_STRING)
		status = redis_unexpected("GET", reply);
	if (status == STATUS_OK)
		call->read(STATUS_OK, reply->str, reply->len, call->arg);
	else
		call->read(status, NULL, 0, call->arg);
}

void jobs_read_decimal(struct redis *redis, struct scope *scope, struct job_key key, jobs_read *done, void *arg)
{
	struct call *call = call_new(arg, 0);
	char name[JOBS_NAME_BYTES + 8];

	call->read = done;
	job_decimal_name(key, name);
	redis_call_own(redis_command(redis, scope, 2, (const char *[]){"GET", name}, NULL, decimal_read, call), call);
}

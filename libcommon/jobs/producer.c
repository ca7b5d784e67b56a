#include "jobs/jobs_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

const struct redis_script *const jobs_scripts[] = {
	&jobs_add_script,
	&jobs_repair_script,
	&jobs_look_up_script,
	&jobs_read_script,
	&jobs_retry_script,
	&jobs_take_over_script,
	&jobs_finish_script,
	&jobs_release_script,
	&jobs_bury_script,
	&jobs_count_script,
	NULL,
};

REDIS_SCRIPT(libcommon_jobs, add, jobs_add);
REDIS_SCRIPT(libcommon_jobs, repair, jobs_repair);
REDIS_SCRIPT(libcommon_jobs, look_up, jobs_look_up);
REDIS_SCRIPT(libcommon_jobs, read, jobs_read);
REDIS_SCRIPT(libcommon_jobs, retry, jobs_retry);

struct call { /* of any function below; freed with its redis_call */
	union {
		jobs_added *added;
		jobs_repaired *repaired;
		jobs_looked_up *looked_up;
		jobs_read *read;
		jobs_done *done;
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

static bool is_array_of(const redisReply *reply, int n)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == (size_t)n;
}

/* The scripts answer with the numbers of the enum. False: with something else. */
static bool read_state(const redisReply *reply, enum job_state *ret_state)
{
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer < JOB_ABSENT || reply->integer > JOB_FAILED)
		return false;
	*ret_state = (enum job_state)reply->integer;
	return true;
}

/* ---- adding and repairing ---- */

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

void jobs_add(struct redis *redis, struct scope *scope, const struct job_to_add *jobs, int n, jobs_added *done, void *arg)
{
	const char *argv[4 + 3 * JOBS_BATCH_MAX] = {JOBS_STREAM, JOBS_QUEUED_KEY, JOBS_DEAD_KEY, JOBS_RESULTS_PREFIX};
	char indexes[JOBS_BATCH_MAX][INT64_TEXT_BYTES];
	struct call *call = call_new(arg, 0);

	call->added = done;
	call->n = n;
	for (int i = 0; i < n; i++) {
		int64_format(jobs[i].key.index, indexes[i]);
		argv[4 + 3 * i] = kind_name(jobs[i].key.kind);
		argv[5 + 3 * i] = indexes[i];
		argv[6 + 3 * i] = jobs[i].request_id;
	}
	redis_call_own(redis_eval(redis, scope, &jobs_add_script, 3, 4 + 3 * n, argv, NULL, added, call), call);
}

static void repaired(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 || reply->integer > call->n))
		status = redis_unexpected("repair", reply);
	call->repaired(status, status == STATUS_OK ? (int)reply->integer : 0, call->arg);
}

void jobs_repair(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_repaired *done, void *arg)
{
	const char *argv[4 + 2 * JOBS_BATCH_MAX] = {JOBS_STREAM, JOBS_QUEUED_KEY, JOBS_DEAD_KEY, JOBS_RESULTS_PREFIX};
	char indexes[JOBS_BATCH_MAX][INT64_TEXT_BYTES];
	struct call *call = call_new(arg, 0);

	call->repaired = done;
	call->n = n;
	for (int i = 0; i < n; i++) {
		int64_format(keys[i].index, indexes[i]);
		argv[4 + 2 * i] = kind_name(keys[i].kind);
		argv[5 + 2 * i] = indexes[i];
	}
	redis_call_own(redis_eval(redis, scope, &jobs_repair_script, 3, 4 + 2 * n, argv, NULL, repaired, call), call);
}

static void retried(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("retry", reply);
	call->done(status == STATUS_OK && reply->integer == 0 ? STATUS_NOT_FOUND : status, call->arg);
}

void jobs_retry(struct redis *redis, struct scope *scope, struct job_key key, jobs_done *done, void *arg)
{
	struct call *call = call_new(arg, 0);
	char index[INT64_TEXT_BYTES];

	call->done = done;
	int64_format(key.index, index);
	redis_call_own(redis_eval(redis, scope, &jobs_retry_script, 3, 5,
				  (const char *[]){JOBS_STREAM, JOBS_QUEUED_KEY, JOBS_DEAD_KEY, kind_name(key.kind), index},
				  NULL, retried, call),
		       call);
}

/* ---- looking up ---- */

/* "digits duration_us calculated_unix_ms preview" */
static void read_summary(const redisReply *reply, struct job_result *result)
{
	char *rest = reply->str;

	result->state = JOB_DONE;
	result->digits = strtoll(rest, &rest, 10);
	result->duration_us = strtoll(rest, &rest, 10);
	result->calculated_unix_ms = strtoll(rest, &rest, 10);
	result->preview = *rest ? rest + 1 : rest;
	result->preview_len = reply->len - (size_t)(result->preview - reply->str);
}

static bool read_result(const redisReply *reply, struct job_result *result)
{
	if (reply->type != REDIS_REPLY_STRING)
		return read_state(reply, &result->state);
	read_summary(reply, result);
	return true;
}

static void looked_up(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct job_result *results = mem_alloc((size_t)call->n * sizeof *results);

	if (status == STATUS_OK && !is_array_of(reply, call->n))
		status = redis_unexpected("look_up", reply);
	for (int i = 0; status == STATUS_OK && i < call->n; i++) {
		results[i].key = call->keys[i];
		if (!read_result(reply->element[i], &results[i]))
			status = redis_unexpected("look_up", reply->element[i]);
	}
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
	argv[0] = JOBS_QUEUED_KEY;
	argv[1] = JOBS_DEAD_KEY;
	argv[2] = JOBS_RESULTS_PREFIX;
	for (int i = 0; i < n; i++) {
		call->keys[i] = keys[i];
		int64_format(keys[i].index, indexes[i]);
		argv[3 + 2 * i] = kind_name(keys[i].kind);
		argv[4 + 2 * i] = indexes[i];
	}
	redis_call_own(redis_eval(redis, scope, &jobs_look_up_script, 2, 3 + 2 * n, argv, NULL, looked_up, call), call);
	free(indexes);
	free(argv);
}

/* {state}, and of a job that is done {state, decimal}. */
static bool is_result(const redisReply *reply, enum job_state *ret_state)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 || !read_state(reply->element[0], ret_state))
		return false;
	if (*ret_state != JOB_DONE)
		return reply->elements == 1;
	return reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_STRING;
}

static void result_read(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	enum job_state state = JOB_ABSENT;

	if (status == STATUS_OK && !is_result(reply, &state))
		status = redis_unexpected("read", reply);
	if (status != STATUS_OK)
		call->read(status, JOB_ABSENT, NULL, 0, call->arg);
	else if (state == JOB_DONE)
		call->read(STATUS_OK, state, reply->element[1]->str, reply->element[1]->len, call->arg);
	else
		call->read(STATUS_NOT_FOUND, state, NULL, 0, call->arg);
}

void jobs_read_result(struct redis *redis, struct scope *scope, struct job_key key, jobs_read *done, void *arg)
{
	struct call *call = call_new(arg, 0);
	char name[JOBS_NAME_BYTES], results[32], result[JOBS_NAME_BYTES + 8];

	call->read = done;
	job_name(key, name);
	snprintf(results, sizeof results, JOBS_RESULTS_PREFIX "%s", kind_name(key.kind));
	snprintf(result, sizeof result, JOBS_DECIMAL_PREFIX "%s", name);
	redis_call_own(
		redis_eval(redis, scope, &jobs_read_script, 4, 6,
			   (const char *[]){results, result, JOBS_QUEUED_KEY, JOBS_DEAD_KEY, strchr(name, ':') + 1, name}, NULL,
			   result_read, call),
		call);
}
